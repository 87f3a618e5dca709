local fields = redis.call('HGETALL', KEYS[3])
local edges = {}
for i = 1, #fields, 2 do
    if fields[i] ~= '#' then edges[#edges + 1] = {fields[i], fields[i + 1]} end
end
return {now, tonumber(head[3]), edges}
