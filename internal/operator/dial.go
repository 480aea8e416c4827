package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

// DefaultAddress is where the embedded server listens unless told otherwise.
const DefaultAddress = "127.0.0.1:7233"

// dialTimeout is how long a connection may take; a server that is up answers
// within milliseconds.
const dialTimeout = 5 * time.Second

// Unreachable means that Temporal did not answer; nothing was asked or told.
type Unreachable struct {
	Address   string
	Namespace string
	Err       error
}

// Error implements error. It says what an operator does next.
func (e Unreachable) Error() string {
	if e.namespaceMissing() {
		return e.Brief()
	}
	return e.Brief() + "\n" +
		"Is the worker running? Start it with `go run ./worker`, or set TEMPORAL_ADDRESS (or --address) to your cluster."
}

// Brief says what is wrong in one line, for programs that try again.
func (e Unreachable) Brief() string {
	if e.namespaceMissing() {
		return fmt.Sprintf("Temporal at %s has no namespace %q: create it, or set TEMPORAL_NAMESPACE", e.Address, e.Namespace)
	}
	return fmt.Sprintf("cannot reach Temporal at %s: %s", e.Address, e.reason())
}

func (e Unreachable) namespaceMissing() bool {
	var missing *serviceerror.NamespaceNotFound
	return errors.As(e.Err, &missing)
}

// reason is the cause without what gRPC wraps around a failed dial.
func (e Unreachable) reason() string {
	text := e.Err.Error()
	if _, dialing, ok := strings.Cut(text, "Error while dialing: "); ok {
		return strings.TrimSuffix(dialing, `"`)
	}
	return text
}

// Unwrap gives the cause.
func (e Unreachable) Unwrap() error { return e.Err }

// Connection is an open connection to Temporal.
type Connection struct {
	client.Client
	Address   string
	Namespace string
}

// Endpoint names a Temporal cluster. Empty fields are left to the TEMPORAL_*
// variables and the profile of Temporal's client configuration file, and then
// to DefaultAddress and the namespace "default".
type Endpoint struct {
	// Address is host:port of the frontend.
	Address   string
	Namespace string
	Profile   string
}

// Dial connects to Temporal. A server that does not answer is an Unreachable.
// The Temporal client, and whatever is built on it, logs to logger; adjust may
// change its other options. The caller closes the connection.
func Dial(ctx context.Context, endpoint Endpoint, logger *slog.Logger, adjust ...func(*client.Options)) (*Connection, error) {
	options, err := endpoint.ClientOptions()
	if err != nil {
		return nil, err
	}
	options.Logger = log.NewStructuredLogger(logger)
	for _, change := range adjust {
		change(&options)
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	opened, err := client.DialContext(dialCtx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, Unreachable{Address: options.HostPort, Namespace: options.Namespace, Err: err}
	}
	return &Connection{Client: opened, Address: options.HostPort, Namespace: options.Namespace}, nil
}

// ClientOptions resolves the endpoint: address, namespace, TLS, credentials.
func (e Endpoint) ClientOptions() (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileProfile: e.Profile})
	if err != nil {
		return client.Options{}, fmt.Errorf("read the TEMPORAL_* variables and profile: %w", err)
	}
	options.HostPort = cmp.Or(e.Address, options.HostPort, DefaultAddress)
	options.Namespace = cmp.Or(e.Namespace, options.Namespace, client.DefaultNamespace)
	return options, nil
}

// Diagnose turns an error of a call into an Unreachable when the connection is
// to blame, and returns it unchanged otherwise.
func (c *Connection) Diagnose(err error) error {
	var (
		unavailable *serviceerror.Unavailable
		late        *serviceerror.DeadlineExceeded
		namespace   *serviceerror.NamespaceNotFound
	)
	if errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &namespace) {
		return Unreachable{Address: c.Address, Namespace: c.Namespace, Err: err}
	}
	return err
}
