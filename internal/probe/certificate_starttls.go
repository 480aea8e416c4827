package probe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// startTLS asks a server for TLS, by protocol. What is not here begins with TLS.
var startTLS = map[string]func(net.Conn) error{
	"smtp":     startSMTP,
	"imap":     startIMAP,
	"pop3":     startPOP3,
	"postgres": startPostgres,
}

// dialogue is a conversation in lines. Lines longer than its buffer end it.
type dialogue struct {
	net.Conn
	lines *bufio.Reader
}

// greetingLines bounds the lines of one answer.
const greetingLines = 100

func talk(conn net.Conn) dialogue { return dialogue{conn, bufio.NewReader(conn)} }

// say sends a line.
func (d dialogue) say(line string) error {
	_, err := io.WriteString(d, line+"\r\n")
	return err
}

// hear reads lines until one ends the answer, and requires that this one begins
// with wanted.
func (d dialogue) hear(wanted string, ends func(line string) bool) error {
	for range greetingLines {
		text, err := d.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return errors.New("the server answers with a line that does not end")
		}
		if err != nil {
			return err
		}
		line := strings.TrimSpace(string(text))
		if !ends(line) {
			continue
		}
		if !strings.HasPrefix(line, wanted) {
			return fmt.Errorf("the server answers %s", show(line))
		}
		return nil
	}
	return fmt.Errorf("the server answers with more than %d lines", greetingLines)
}

// finish requires that nothing has come after the agreement: it would not be
// protected by TLS.
func (d dialogue) finish() error {
	if d.lines.Buffered() > 0 {
		return errors.New("the server says more before TLS begins")
	}
	return nil
}

// startSMTP follows RFC 3207.
func startSMTP(conn net.Conn) error {
	d := talk(conn)
	last := func(line string) bool { return len(line) < 4 || line[3] != '-' }
	if err := d.hear("220", last); err != nil {
		return err
	}
	for _, step := range []struct{ say, hear string }{{"EHLO paramedic.invalid", "250"}, {"STARTTLS", "220"}} {
		if err := d.say(step.say); err != nil {
			return err
		}
		if err := d.hear(step.hear, last); err != nil {
			return err
		}
	}
	return d.finish()
}

// startIMAP follows RFC 9051, section 6.2.1.
func startIMAP(conn net.Conn) error {
	d := talk(conn)
	if err := d.hear("* OK", func(string) bool { return true }); err != nil {
		return err
	}
	if err := d.say("a1 STARTTLS"); err != nil {
		return err
	}
	if err := d.hear("a1 OK", func(line string) bool { return strings.HasPrefix(line, "a1 ") }); err != nil {
		return err
	}
	return d.finish()
}

// startPOP3 follows RFC 2595, section 4.
func startPOP3(conn net.Conn) error {
	d := talk(conn)
	every := func(string) bool { return true }
	if err := d.hear("+OK", every); err != nil {
		return err
	}
	if err := d.say("STLS"); err != nil {
		return err
	}
	if err := d.hear("+OK", every); err != nil {
		return err
	}
	return d.finish()
}

// sslRequest is the code of PostgreSQL's message SSLRequest.
const sslRequest = 80877103

// startPostgres sends an SSLRequest, which is answered by one letter.
func startPostgres(conn net.Conn) error {
	message := binary.BigEndian.AppendUint32(nil, 8)
	if _, err := conn.Write(binary.BigEndian.AppendUint32(message, sslRequest)); err != nil {
		return err
	}
	var letter [1]byte
	if _, err := io.ReadFull(conn, letter[:]); err != nil {
		return err
	}
	if letter[0] != 'S' {
		return fmt.Errorf("the server does not offer TLS (it answers %q)", letter[0])
	}
	return nil
}
