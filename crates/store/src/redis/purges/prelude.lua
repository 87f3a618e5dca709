local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local head = redis.call('HMGET', KEYS[2], 'epoch', 'run', 'born', 'before', 'last')
if not head[1] or head[2] ~= run or redis.call('HGET', KEYS[3], '#') ~= head[1] or redis.call('XLEN', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[1], KEYS[3])
    local start = redis.call('XADD', KEYS[1], '*', 'start', ARGV[1])
    redis.call('HSET', KEYS[3], '#', ARGV[1])
    redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'run', run, 'born', now, 'before', start, 'last', start)
    head = {ARGV[1], run, tostring(now), start, start}
end
local function less(a, b)
    local a_millis, a_sequence = string.match(a, '^(%d+)-(%d+)$')
    local b_millis, b_sequence = string.match(b, '^(%d+)-(%d+)$')
    if a_millis ~= b_millis then return tonumber(a_millis) < tonumber(b_millis) end
    return tonumber(a_sequence) < tonumber(b_sequence)
end
