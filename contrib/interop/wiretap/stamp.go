package wiretap

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoStamp: the socket was not asked for times, or the kernel does not tell them.
var ErrNoStamp = errors.New("wiretap: the kernel does not tell when a packet came")

// Stamp reads when the kernel had a packet out of what Recvmsg brought beside it from
// a socket with SO_TIMESTAMPNS: struct cmsghdr, then struct timespec. On one machine
// that is within the sender's own system call, so that it does not matter when the
// observer runs.
func Stamp(oob []byte) (time.Time, error) {
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || header.Level != unix.SOL_SOCKET || header.Type != unix.SCM_TIMESTAMPNS || len(data) < 16 {
		return time.Time{}, ErrNoStamp
	}
	return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))), nil
}
