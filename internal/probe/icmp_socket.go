package probe

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// errEchoForbidden tells the operator what to allow: nothing is known of the
// target then.
var errEchoForbidden = errors.New("this worker may not send ICMP; let its group into the sysctl net.ipv4.ping_group_range, or give it CAP_NET_RAW")

// Numbers of the protocols of which messages are read.
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// echoSocket exchanges echo messages with one target.
type echoSocket struct {
	net.PacketConn
	send     func(message []byte) error
	target   netip.Addr
	protocol int
	request  icmp.Type
	reply    icmp.Type
	// id is there for NAT, which tells senders apart by it. The kernel writes
	// one of its own into datagrams.
	id, sequence int
	// cookie tells replies to this socket from others that it may see.
	cookie string
}

// openEcho opens a socket: one for datagrams where the system allows that to
// everybody, else a raw one.
func openEcho(target netip.Addr) (*echoSocket, error) {
	socket, err := openDatagrams(target)
	if err == nil {
		return socket, nil
	}
	socket, err = openRaw(target)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return nil, errEchoForbidden
	}
	return socket, err
}

func newEchoSocket(target netip.Addr) *echoSocket {
	s := &echoSocket{
		target: target, protocol: protocolICMP,
		request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply,
		cookie: rand.Text(),
	}
	if target.Is6() {
		s.protocol, s.request, s.reply = protocolICMPv6, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	var id [2]byte
	_, _ = rand.Read(id[:]) // it never fails
	s.id = int(id[0])<<8 | int(id[1])
	return s
}

// openDatagrams opens a socket whose replies the kernel sorts out.
func openDatagrams(target netip.Addr) (*echoSocket, error) {
	network, local := "udp4", "0.0.0.0"
	if target.Is6() {
		network, local = "udp6", "::"
	}
	conn, err := icmp.ListenPacket(network, local)
	if err != nil {
		return nil, err
	}
	s := newEchoSocket(target)
	s.PacketConn = conn
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(target, 0))
	s.send = func(message []byte) error {
		_, err := conn.WriteTo(message, to)
		return err
	}
	return s, nil
}

// openRaw opens a socket that sees all echo messages of the target, and no
// other's: a probe of thousands would otherwise read the replies to all others.
func openRaw(target netip.Addr) (*echoSocket, error) {
	network := "ip4:icmp"
	if target.Is6() {
		network = "ip6:ipv6-icmp"
	}
	conn, err := net.DialIP(network, nil, &net.IPAddr{IP: target.AsSlice(), Zone: target.Zone()})
	if err != nil {
		return nil, err
	}
	s := newEchoSocket(target)
	s.PacketConn = conn
	s.send = func(message []byte) error {
		_, err := conn.Write(message)
		return err
	}
	return s, nil
}

// echo sends one request and waits for its reply.
func (s *echoSocket) echo(deadline time.Time) (time.Duration, error) {
	s.sequence++
	message, err := s.message(s.request)
	if err != nil {
		return 0, err
	}
	if err := s.SetDeadline(deadline); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := s.send(message); err != nil {
		return 0, err
	}
	buffer := make([]byte, 1500)
	for {
		n, _, err := s.ReadFrom(buffer)
		if err != nil {
			return 0, err
		}
		if s.isReply(buffer[:n]) {
			return time.Since(start), nil
		}
	}
}

// message writes an echo message of the latest sequence number. The kernel adds
// the checksum of ICMPv6.
func (s *echoSocket) message(kind icmp.Type) ([]byte, error) {
	body := &icmp.Echo{ID: s.id, Seq: s.sequence, Data: []byte(s.cookie)}
	message, err := (&icmp.Message{Type: kind, Body: body}).Marshal(nil)
	if err != nil {
		return nil, fmt.Errorf("write an echo message: %w", err)
	}
	return message, nil
}

// isReply reports whether a message answers the latest request.
func (s *echoSocket) isReply(message []byte) bool {
	parsed, err := icmp.ParseMessage(s.protocol, message)
	if err != nil || parsed.Type != s.reply {
		return false
	}
	echo, ok := parsed.Body.(*icmp.Echo)
	return ok && echo.Seq == s.sequence && bytes.Equal(echo.Data, []byte(s.cookie))
}
