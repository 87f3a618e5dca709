// A disk that fails, for one process: calls on files below FAULT_ROOT end with the error number that FAULT_FILE says, while there is such a
// file. It says which calls: `w5` is every write with EIO, `r5` every read. Preloaded; used by fault.rs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// By system calls alone: nothing here may come back to what it takes the place of.
static int fault(char kind, const char *path) {
  const char *root = getenv("FAULT_ROOT"), *file = getenv("FAULT_FILE");
  char said[16] = {0};
  if (!root || !file || strncmp(path, root, strlen(root)) != 0) return 0;
  int fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  long length = syscall(SYS_read, fd, said, sizeof said - 1);
  syscall(SYS_close, fd);
  return length > 1 && said[0] == kind ? atoi(said + 1) : 0;
}

static int fault_of(char kind, int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fault(kind, path);
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define INSTEAD(kind, fd, name, ...)      \
  int error = fault_of(kind, fd);         \
  if (error) { errno = error; return -1; } \
  return REAL(name)(__VA_ARGS__);

ssize_t write(int fd, const void *from, size_t count) { INSTEAD('w', fd, write, fd, from, count) }
ssize_t writev(int fd, const struct iovec *from, int count) { INSTEAD('w', fd, writev, fd, from, count) }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { INSTEAD('w', fd, pwrite, fd, from, count, at) }
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) { INSTEAD('w', fd, pwrite64, fd, from, count, at) }
int fsync(int fd) { INSTEAD('w', fd, fsync, fd) }
int fdatasync(int fd) { INSTEAD('w', fd, fdatasync, fd) }
int ftruncate64(int fd, off64_t length) { INSTEAD('w', fd, ftruncate64, fd, length) }
ssize_t read(int fd, void *to, size_t count) { INSTEAD('r', fd, read, fd, to, count) }
ssize_t pread(int fd, void *to, size_t count, off_t at) { INSTEAD('r', fd, pread, fd, to, count, at) }
ssize_t pread64(int fd, void *to, size_t count, off64_t at) { INSTEAD('r', fd, pread64, fd, to, count, at) }

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  int error = flags & (O_WRONLY | O_RDWR | O_CREAT) ? fault('w', path) : 0;
  if (error) { errno = error; return -1; }
  return REAL(open64)(path, flags, mode);
}
