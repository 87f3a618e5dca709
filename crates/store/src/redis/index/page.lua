-- ARGV: key, where to begin, how many, style or nothing, how many may be looked at.
-- Gives: whether the list is whole, members, and the last that was looked at where there may be more.
local key, from, limit, style, budget = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', P .. 'state', 'whole') ~= '1' then return { 0, {}, '' } end
local found = {}
while budget > 0 do
  local some = redis.call('ZREVRANGEBYLEX', key, from, '-', 'LIMIT', 0, style == '' and limit or 200)
  for _, member in ipairs(some) do
    local fits = style == ''
    if not fits then
      local row = redis.call('HGET', P .. 'rows', string.sub(member, 14))
      fits = row and string.match(row, '^%d+|%x+|%d+|%d+|%x+|[^|]*|(.*)$') == style
    end
    if fits then found[#found + 1] = member end
    budget = budget - 1
    from = '(' .. member
    if #found == limit then return { 1, found, member } end
  end
  if #some < (style == '' and limit or 200) then return { 1, found, '' } end
end
return { 1, found, string.sub(from, 2) }
