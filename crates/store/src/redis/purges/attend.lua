local known = redis.call('HGET', KEYS[3], ARGV[2])
local till, done, filled = '0', '', ''
if known then till, done, filled = string.match(known, '^(%d+)|(.-)|(.-)$') end
local moved = false
if ARGV[3] ~= '' and ARGV[3] ~= done then done, moved = ARGV[3], true end
if ARGV[4] ~= '' and ARGV[4] ~= filled then filled, moved = ARGV[4], true end
if ARGV[5] ~= '' then till = string.format('%.0f', math.max(tonumber(till), now + tonumber(ARGV[5]))) end
if not known and till == '0' then till = string.format('%.0f', now) end
redis.call('HSET', KEYS[3], ARGV[2], till .. '|' .. done .. '|' .. filled)
if moved or not known then redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100, '*', 'edge', ARGV[2]) end
return redis.status_reply('OK')
