-- ARGV: name of the rebuild, milliseconds that it may be silent. Whichever runs already has ended with this.
redis.call('HINCRBY', P .. 'state', 'epoch', 1)
redis.call('HSET', P .. 'state', 'era', ARGV[1])
redis.call('HDEL', P .. 'state', 'complete')
-- What nodes were told before is found again by this rebuild, or was never of this era.
redis.call('DEL', P .. 'heard')
redis.call('SET', P .. 'rebuild', ARGV[1], 'PX', ARGV[2])
