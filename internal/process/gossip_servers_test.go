package process

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
)

// mysqlGreeting is how a MySQL begins: version 10 of the protocol, with the
// plainest capabilities and a way to log in that has no secret on the wire.
const mysqlGreeting = "\x4a\x00\x00\x00" + "\x0a8.0.99\x00" + "\x01\x00\x00\x00" + "saltsalt\x00" + "\x00\xa2\x21\x02\x00\x08\x00\x15" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "saltsaltsalt\x00" + "mysql_native_password\x00"

// mysqlError likes everything but a query with a secret, which it repeats.
func mysqlError(heard []byte) []byte {
	answer := []byte{0, 0, 0, 2, 0, 0, 0} // all went well
	if strings.Contains(string(heard), mark) {
		answer = append([]byte{0xff, 0x28, 0x04}, "#42000you said "+string(heard[5:])...)
	}
	return append([]byte{byte(len(answer)), 0, 0, heard[3] + 1}, answer...)
}

// rabbitRefusal offers a login in the clear, and then closes the connection with
// a text that holds it.
func rabbitRefusal(heard []byte) []byte {
	short := func(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
	long := func(text string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	body := append([]byte{0, 10, 0, 10, 0, 9}, long("")...) // Connection.Start of 0-9
	body = append(append(body, long("PLAIN")...), long("en_US")...)
	if !strings.HasPrefix(string(heard), "AMQP") {
		said := string(heard)
		if at := strings.Index(said, mark); at >= 0 {
			said = said[at:]
		}
		said = said[:min(len(said), 200)]
		body = append(append([]byte{0, 10, 0, 50}, short(403)...), byte(len(said)))
		body = append(append(body, said...), 0, 0, 0, 0) // Connection.Close, for no method
	}
	frame := append(binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(body))), body...)
	return append(frame, 0xce)
}

// gossipsLogin is a mail server, by TLS, that repeats a login as it was sent and
// in the clear. It returns its address and the file of its certificate.
func (c *circle) gossipsLogin(t testing.TB) (address, certificate string) {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir)
	certificate = filepath.Join(dir, "tls.crt")
	pair, err := tls.LoadX509KeyPair(certificate, filepath.Join(dir, "tls.key"))
	require.NoError(t, err)
	secured := tls.NewListener(listening(t), &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	return c.gossipsAt(t, secured, "220 tell me\r\n", func(heard []byte) []byte {
		if strings.HasPrefix(string(heard), "EHLO") {
			return []byte("250-localhost\r\n250 AUTH PLAIN\r\n")
		}
		words := strings.Fields(string(heard))
		clear, _ := base64.StdEncoding.DecodeString(words[len(words)-1])
		c.hear(clear)
		return fmt.Appendf(nil, "535 you said %s, which is %s\r\n", words[len(words)-1], strings.ReplaceAll(string(clear), "\x00", " "))
	}), certificate
}

// gossipsGRPC is a server that refuses every request, and repeats its metadata.
func (c *circle) gossipsGRPC(t testing.TB) string {
	t.Helper()
	listener := listening(t)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		heard, _ := metadata.FromIncomingContext(stream.Context())
		c.hear([]byte(fmt.Sprint(heard)))
		return grpcstatus.Errorf(codes.PermissionDenied, "you said %v %v", heard["authorization"], heard)
	}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	return listener.Addr().String()
}
