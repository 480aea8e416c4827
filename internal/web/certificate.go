package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// certificateEvery is how often the files of the certificate are looked at.
const certificateEvery = 10 * time.Second

// Encrypt returns listener with TLS over it, 1.2 and up. The certificate is read
// anew when its files have changed; while they do not fit together, the one
// before serves on. The error says which file is wrong.
func Encrypt(listener net.Listener, certificate, key string, log *slog.Logger) (net.Listener, error) {
	c := &certificates{certificate: certificate, key: key, log: log, now: time.Now}
	if err := c.load(); err != nil {
		return nil, err
	}
	return tls.NewListener(listener, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}), nil
}

// certificates are those that two files hold one after the other.
type certificates struct {
	certificate, key string
	log              *slog.Logger
	now              func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate
	looked  time.Time
	stamp   string // of the files as they were read, whether good or not
	damaged bool
}

// load reads the files for the first time.
func (c *certificates) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked, c.stamp = c.now(), c.stampOf()
	return c.read()
}

// current returns the certificate, which it reads anew if it is time to look and
// the files have changed. Files that do not fit together may be read between
// the writing of the one and of the other, so they are tried again.
func (c *certificates) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= certificateEvery {
		c.looked = now
		stamp := c.stampOf()
		changed := stamp != c.stamp
		if changed || c.damaged {
			c.stamp = stamp
			c.renew(changed)
		}
	}
	return c.pair
}

// renew reads the files, and tells what came of it once for every change.
func (c *certificates) renew(changed bool) {
	err := c.read()
	c.damaged = err != nil
	switch {
	case err == nil:
		c.log.Info("certificate read anew", "file", c.certificate, "expires", c.pair.Leaf.NotAfter)
	case changed:
		c.log.Error("the new certificate cannot be used, the one before stays", "error", err)
	}
}

func (c *certificates) read() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s (http.tls): %w", c.certificate, c.key, err)
	}
	c.pair = &pair
	return nil
}

// stampOf changes whenever one of the files does.
func (c *certificates) stampOf() string {
	stamp := ""
	for _, file := range []string{c.certificate, c.key} {
		if info, err := os.Stat(file); err == nil {
			stamp += fmt.Sprintf("%d %d;", info.ModTime().UnixNano(), info.Size())
		} else {
			stamp += "none;"
		}
	}
	return stamp
}
