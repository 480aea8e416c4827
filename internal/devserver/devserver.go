package devserver

import (
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
)

const (
	defaultDir       = "data"
	defaultNamespace = "default"
	// defaultRetention is how long closed workflows stay readable: 30 days.
	defaultRetention = 30 * 24 * time.Hour
	// stopTimeout bounds Stop.
	stopTimeout = 10 * time.Second
)

// ErrNotEmbedded is what Start returns in a build without the server.
var ErrNotEmbedded = errors.New("this worker was built without the embedded Temporal server (build tag noembed): " +
	"set TEMPORAL_ADDRESS to the address of a Temporal cluster, for example TEMPORAL_ADDRESS=127.0.0.1:7233")

// Options says where the server keeps its data and where it listens.
type Options struct {
	// Dir is the data directory, created with mode 0700. Default "data".
	Dir string
	// Port is where the server speaks gRPC on 127.0.0.1; 0 picks a free one.
	Port int
	// UIPort is where the Web UI listens on 127.0.0.1; 0 picks a free one.
	UIPort int
	// Log receives the few things an operator should know. The server's own
	// log goes to temporal.log in Dir. Default slog.Default().
	Log *slog.Logger
	// Namespace is created when missing. Default "default".
	Namespace string
	// SearchAttributes exist in the namespace once Start returns. Temporal on
	// SQLite holds 10 keywords and 3 of every other type.
	SearchAttributes map[string]enums.IndexedValueType
	// Retention is how long closed workflows are kept. Default 30 days.
	Retention time.Duration
}

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = defaultDir
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Namespace == "" {
		o.Namespace = defaultNamespace
	}
	if o.Retention == 0 {
		o.Retention = defaultRetention
	}
	return o
}

// Server is a running Temporal server with its Web UI.
type Server struct {
	address   string
	uiAddress string
	namespace string
	failed    chan error
	stop      func() error
}

// Address is host:port of the gRPC side, for client.Options.HostPort.
func (s *Server) Address() string { return s.address }

// UIURL is where a browser finds the Web UI.
func (s *Server) UIURL() string { return "http://" + s.uiAddress }

// Namespace is the namespace that Start made sure of.
func (s *Server) Namespace() string { return s.namespace }

// Failed delivers one error if the server dies by itself; the server must then
// still be stopped. Nothing is delivered on Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends the Web UI and the server, in this order, and gives the data
// directory free. It takes at most ten seconds and only works once; calls
// after the first return the first one's result.
func (s *Server) Stop() error { return s.stop() }
