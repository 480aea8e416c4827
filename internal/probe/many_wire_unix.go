//go:build unix

package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// isQuiet reports whether nothing has come on a connection that was idle:
// neither its end nor what nobody has asked for, which would be taken for the
// answer to the next request.
func isQuiet(conn net.Conn) bool {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	var failure error
	err = raw.Read(func(descriptor uintptr) bool {
		_, failure = syscall.Read(int(descriptor), one[:])
		return true // whatever it said: there is nothing to wait for
	})
	return err == nil && errors.Is(failure, syscall.EAGAIN)
}
