if ARGV[2] ~= head[1] or less(ARGV[3], head[4]) or less(head[5], ARGV[3]) then
    return {head[1], head[5], 1, now, {}}
end
return {head[1], head[5], 0, now, redis.call('XRANGE', KEYS[1], '(' .. ARGV[3], '+', 'COUNT', ARGV[4])}
