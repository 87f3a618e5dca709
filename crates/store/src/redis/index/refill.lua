-- ARGV: name of the rebuild, milliseconds, id, row. Gives whether that rebuild still runs; a row that was settled in it stays.
if redis.call('GET', P .. 'rebuild') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', P .. 'rebuild', ARGV[2])
local epoch = redis.call('HGET', P .. 'state', 'epoch')
local old = redis.call('HGET', P .. 'rows', ARGV[3])
if not (old and string.sub(old, 1, #epoch + 1) == epoch .. '|') then list(ARGV[3], ARGV[4]) end
return 1
