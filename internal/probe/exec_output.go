package probe

import (
	"io"
	"os"
	"strings"
	"time"
)

// output reads what a command writes, keeps the beginning, and lets the command
// write on. It is a pipe of its own, so that waiting for the command does not
// mean waiting for all those that it has handed the pipe.
type output struct {
	reader, writer *os.File
	kept           []byte
	done           chan struct{} // nil: nothing reads yet
}

// newOutput makes a pipe and gives it to a command.
func newOutput(to *io.Writer) (*output, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	*to = writer
	return &output{reader: reader, writer: writer}, nil
}

// read begins to read, once the command has the other end.
func (o *output) read() {
	_ = o.writer.Close()
	o.done = make(chan struct{})
	go func() {
		defer close(o.done)
		o.kept, _ = io.ReadAll(io.LimitReader(o.reader, execOutput))
		_, _ = io.Copy(io.Discard, o.reader)
	}()
}

// text is what the command has written. Whoever still holds the pipe may write
// until the deadline.
func (o *output) text(deadline time.Time) string {
	_ = o.reader.SetReadDeadline(deadline)
	<-o.done
	return strings.TrimRight(strings.ToValidUTF8(string(o.kept), "\uFFFD"), " \t\r\n")
}

// close ends the pipe and the reading.
func (o *output) close() {
	_ = o.writer.Close()
	_ = o.reader.Close()
	if o.done != nil {
		<-o.done
	}
}
