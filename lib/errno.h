/* Error numbers, Linux's values; functions return them negated. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define EPERM  1
#define ENOENT 2
#define EIO    5
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY  16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOSYS 38
#define ELOOP  40

#endif
