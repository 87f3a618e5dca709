local id = redis.call('XADD', KEYS[1], '*', 'notice', ARGV[2])
redis.call('HSET', KEYS[2], 'last', id)
local over = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[3])
if over > 0 then
    local gone = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', over)
    redis.call('HSET', KEYS[2], 'before', gone[#gone][1])
    redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[3])
end
return {head[1], id}
