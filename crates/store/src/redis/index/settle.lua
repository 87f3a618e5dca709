-- ARGV: id, row or nothing, node, era, told, key of the metadata or nothing, metadata, seconds.
-- Gives: whether there was a row, the era, how many changes of this node were heard in it.
local id, row, node = ARGV[1], ARGV[2], ARGV[3]
local existed = redis.call('HEXISTS', P .. 'rows', id)
if lost(node, ARGV[4], ARGV[5]) then redis.call('HDEL', P .. 'state', 'complete') end
if row == '' then
  local old = redis.call('HGET', P .. 'rows', id)
  if old then unlist(id, old) end
  if ARGV[6] ~= '' then redis.call('DEL', ARGV[6]) end
else
  list(id, row)
  if ARGV[6] ~= '' then redis.call('SET', ARGV[6], ARGV[7], 'EX', ARGV[8]) end
end
local heard = redis.call('HINCRBY', P .. 'heard', node, 1)
return { existed, redis.call('HGET', P .. 'state', 'era') or '', heard }
