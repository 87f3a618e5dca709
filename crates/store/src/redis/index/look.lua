-- ARGV: node, era, told. Gives: whole, complete, whether a rebuild runs and which.
if lost(ARGV[1], ARGV[2], ARGV[3]) then redis.call('HDEL', P .. 'state', 'complete') end
local state = redis.call('HMGET', P .. 'state', 'whole', 'complete')
return { state[1] == '1' and 1 or 0, state[2] == '1' and 1 or 0, redis.call('GET', P .. 'rebuild') or '' }
