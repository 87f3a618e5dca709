-- ARGV: name of the rebuild. Gives whether it still ran, and so has ended well.
if redis.call('GET', P .. 'rebuild') ~= ARGV[1] then return 0 end
redis.call('HSET', P .. 'state', 'whole', '1', 'complete', '1')
redis.call('DEL', P .. 'rebuild')
return 1
