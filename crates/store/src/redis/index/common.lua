-- What the scripts of the index share. All keys carry one tag, so that a cluster keeps them together; none that is touched
-- lies anywhere else.
--
-- {orbit}:rows      id -> epoch|stamp|image bytes|source bytes|source|+thread or nothing|+style or nothing
-- {orbit}:all       stamp .. id of every image, in the order of bytes; so are {orbit}:thread:… and {orbit}:style:…
-- {orbit}:sources   source .. stamp .. id
-- {orbit}:totals    images, image_bytes, source_bytes
-- {orbit}:state     epoch, era (the rebuild by its name), whole (a rebuild has ended since all was lost), complete
-- {orbit}:rebuild   the name of the rebuild that runs, for as long as it gives signs of life
-- {orbit}:heard     node -> how many of its changes were heard, in this era
local P = '{orbit}:'

local function lists(stamp, id, source, thread, style, touch)
  local member = stamp .. id
  touch(P .. 'all', member)
  touch(P .. 'sources', source .. member)
  if thread ~= '' then touch(P .. 'thread:' .. string.sub(thread, 2), member) end
  if style ~= '' then touch(P .. 'style:' .. string.sub(style, 2), member) end
end

-- Numbers stay text, for Lua's would lose their last digits.
local function count(sign, images, image_bytes, source_bytes)
  local sums = { images = images, image_bytes = image_bytes, source_bytes = source_bytes }
  for name, by in pairs(sums) do
    if by ~= '0' then redis.call('HINCRBY', P .. 'totals', name, sign .. by) end
  end
end

local function unlist(id, row)
  local _, stamp, image, bytes, source, thread, style =
    string.match(row, '^(%d+)|(%x+)|(%d+)|(%d+)|(%x+)|([^|]*)|(.*)$')
  lists(stamp, id, source, thread, style, function(key, member) redis.call('ZREM', key, member) end)
  count('-', '1', image, bytes)
  redis.call('HDEL', P .. 'rows', id)
end

local function list(id, row)
  local old = redis.call('HGET', P .. 'rows', id)
  local epoch = redis.call('HGET', P .. 'state', 'epoch') or '0'
  if old and string.sub(old, string.find(old, '|', 1, true), -1) == '|' .. row then
    redis.call('HSET', P .. 'rows', id, epoch .. '|' .. row)
    return
  end
  if old then unlist(id, old) end
  local stamp, image, bytes, source, thread, style =
    string.match(row, '^(%x+)|(%d+)|(%d+)|(%x+)|([^|]*)|(.*)$')
  redis.call('HSET', P .. 'rows', id, epoch .. '|' .. row)
  lists(stamp, id, source, thread, style, function(key, member) redis.call('ZADD', key, 0, member) end)
  count('', '1', image, bytes)
end

-- Whether all is here that this node was once told is here: a server that came back with an older state, or another that had
-- not followed to the end, has heard less.
local function lost(node, era, told)
  return redis.call('HGET', P .. 'state', 'era') == era
    and tonumber(redis.call('HGET', P .. 'heard', node) or '0') < tonumber(told)
end
