-- ARGV: name of the rebuild, milliseconds, ids. Gives how many rows of these were older than it, or -1 where it runs no more.
if redis.call('GET', P .. 'rebuild') ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', P .. 'rebuild', ARGV[2])
local epoch, removed = redis.call('HGET', P .. 'state', 'epoch') .. '|', 0
for place = 3, #ARGV do
  local row = redis.call('HGET', P .. 'rows', ARGV[place])
  if row and string.sub(row, 1, #epoch) ~= epoch then
    unlist(ARGV[place], row)
    removed = removed + 1
  end
end
return removed
