redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100, '*', 'edge', ARGV[2])
return redis.status_reply('OK')
