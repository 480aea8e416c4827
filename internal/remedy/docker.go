package remedy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	// dockerTimeout is the default of the option timeout.
	dockerTimeout = health.Duration(60 * time.Second)
	// dockerSlack is what Apply needs besides waiting for the restart: for
	// looking at the container before and after.
	dockerSlack = 3 * callLimit
	// dockerSocket is where a Docker Engine listens unless told otherwise.
	dockerSocket = "/var/run/docker.sock"
)

// Docker are the options of kind docker.
//
// The tests speak to a socket that gives the answers recorded from an Engine
// (20.10.24, API 1.41), and not to an Engine: it takes root, control groups and
// an image.
type Docker struct {
	Container string          `yaml:"container" required:"true" doc:"Name or id of the container to restart."`
	Grace     health.Duration `yaml:"grace" doc:"How long the container has to stop before it is killed, in whole seconds; its own stop timeout, usually 10s, if not given."`
	Timeout   health.Duration `yaml:"timeout" doc:"How long the restart may take, stopping included; 60s if not given."`
	Socket    string          `yaml:"socket" doc:"Path of the Engine's socket; /var/run/docker.sock if not given."`
	Address   string          `yaml:"address" doc:"Host and port of an Engine to reach over TLS instead of a socket: docker1.example:2376."`
	TLS       DockerTLS       `yaml:"tls" doc:"The certificates for address."`
}

// DockerTLS are the PEM files for an Engine that is reached over TLS. It knows
// its clients by their certificates: without one, whoever reaches it is root.
type DockerTLS struct {
	CA   string `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's."`
	Cert string `yaml:"cert" doc:"File of the client's certificate."`
	Key  string `yaml:"key" doc:"File of the client's private key."`
}

func dockerKind() Kind {
	return Kind{
		Name:    "docker",
		Doc:     "Restarts a container through the API of its Docker Engine and waits until the Engine has done so.",
		Options: func() Options { return &Docker{Timeout: dockerTimeout} },
	}
}

// containerName is what an Engine takes as a name or an id.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// Validate implements Options.
func (o *Docker) Validate() option.Problems {
	var problems option.Problems
	switch {
	case o.Container == "":
		problems.Add("container", "the container has no name; write it as docker ps shows it")
	case !containerName.MatchString(o.Container):
		problems.Add("container", "%q is not a container's name or id; it has letters, digits and _ . - only", o.Container)
	}
	switch grace := o.Grace.Std(); {
	case grace < 0 || grace%time.Second != 0:
		problems.Add("grace", "%s is not a number of whole seconds; write it like 10s", o.Grace)
	case o.Timeout.Std() < time.Second:
		problems.Add("timeout", "%s is too short; write at least 1s", o.Timeout)
	case o.Timeout <= o.Grace:
		problems.Add("timeout", "%s is over before the container's grace, %s, is; write more", o.Timeout, o.Grace)
	}
	if o.Socket != "" && !strings.HasPrefix(o.Socket, "/") {
		problems.Add("socket", "%q is not an absolute path, like %s", o.Socket, dockerSocket)
	}
	o.validateAddress(&problems)
	return problems
}

func (o *Docker) validateAddress(problems *option.Problems) {
	if o.Address == "" {
		if o.TLS != (DockerTLS{}) {
			problems.Add("tls", "it is for an Engine with an address; write that too, like docker1.example:2376")
		}
		return
	}
	if host, port, err := net.SplitHostPort(o.Address); err != nil || host == "" || port == "" {
		problems.Add("address", "%q is not a host and a port, like docker1.example:2376", o.Address)
	}
	if o.Socket != "" {
		problems.Add("address", "socket names an Engine too; keep one of the two")
	}
	if _, err := o.TLS.config(); err != nil {
		problems.Add("tls", "%v", err)
	}
}

// config reads the files.
func (t DockerTLS) config() (*tls.Config, error) {
	if t.Cert == "" || t.Key == "" {
		return nil, errors.New("the files of the client's certificate are missing; write cert and key")
	}
	roots, err := option.Authorities(t.CA)
	if err != nil {
		return nil, err
	}
	own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}, nil
}

// Title implements Options.
func (o *Docker) Title() string { return "restart container " + o.Container }

// Limit implements Options.
func (o *Docker) Limit() time.Duration { return o.Timeout.Std() + dockerSlack }

// Open implements Options.
func (o *Docker) Open() (Remedy, error) {
	engine, err := newEngine(*o)
	if err != nil {
		return nil, err
	}
	return &dockerRemedy{options: *o, engine: engine}, nil
}

type dockerRemedy struct {
	options Docker
	engine  *engine
}

// Close implements Remedy.
func (r *dockerRemedy) Close() error {
	r.engine.client.CloseIdleConnections()
	return nil
}

// containerMark is what the remedy saves before it asks for the restart.
type containerMark struct {
	// StartedAt is when the container was started before that, by the clock of
	// the Engine; zero for never.
	StartedAt time.Time `json:"started_at"`
	AskedAt   time.Time `json:"asked_at"`
}

// Apply implements Remedy.
func (r *dockerRemedy) Apply(ctx context.Context, request Request) (health.Treatment, error) {
	treatment, err := r.apply(ctx, request)
	if err != nil {
		return health.Treatment{}, r.refusal(fmt.Errorf("%s: %w", r.options.Title(), err))
	}
	return treatment, nil
}

func (r *dockerRemedy) apply(ctx context.Context, request Request) (health.Treatment, error) {
	var mark containerMark
	resumed, err := request.Checkpoint.Load(&mark)
	if err != nil {
		return health.Treatment{}, err
	}
	before, err := r.engine.container(ctx, r.options.Container)
	if err != nil {
		return health.Treatment{}, err
	}
	if resumed {
		// If an Engine is still at the earlier restart, it is joined: both wait
		// for the same end, and the second finds the container started.
		if !before.State.StartedAt.Equal(mark.StartedAt) {
			return r.outcomeOfEarlier(before, mark), nil
		}
		return r.restart(ctx)
	}
	if before.startedAfter(request.LastFailure) {
		return r.leftAlone(before), nil
	}
	mark = containerMark{StartedAt: before.State.StartedAt, AskedAt: time.Now().UTC()}
	if err := request.Checkpoint.Save(ctx, mark); err != nil {
		return health.Treatment{}, err
	}
	return r.restart(ctx)
}

func (r *dockerRemedy) outcomeOfEarlier(c container, mark containerMark) health.Treatment {
	if c.broken() {
		return r.failed("the earlier restart took effect, but %s", c.ending())
	}
	return health.Treatment{Effect: health.AlreadyApplied, Detail: fmt.Sprintf(
		"%s has been restarted since an earlier try asked for it at %s (started at %s); not restarted again",
		r.name(), mark.AskedAt.UTC().Format(clock), c.State.StartedAt.UTC().Format(clock))}
}

func (r *dockerRemedy) leftAlone(c container) health.Treatment {
	who := "by somebody else"
	if c.RestartCount > 0 {
		who = "by its restart policy"
	}
	return health.Treatment{Effect: health.LeftAlone, Detail: fmt.Sprintf(
		"%s was restarted %s at %s, after the last failed probe; left alone",
		r.name(), who, c.State.StartedAt.UTC().Format(clock))}
}

// clock is how a detail writes the time of day.
const clock = "15:04:05 MST"

func (r *dockerRemedy) name() string { return "container " + r.options.Container }

// restart asks for the restart, waits for its end and looks what became of it.
func (r *dockerRemedy) restart(ctx context.Context) (health.Treatment, error) {
	start := time.Now()
	waiting, cancel := context.WithTimeout(ctx, r.options.Timeout.Std())
	defer cancel()
	refused, err := r.engine.restart(waiting, r.options.Container, r.options.Grace.Std())
	took := time.Since(start).Round(time.Millisecond)
	expired := err != nil && waiting.Err() != nil && ctx.Err() == nil
	switch {
	case refused != "":
		return r.failed("%s", refused), nil
	case err != nil && !expired:
		return health.Treatment{}, err
	}
	after, err := r.engine.container(ctx, r.options.Container)
	switch {
	case err != nil:
		return health.Treatment{}, err
	case expired:
		return r.failed("no answer after %s: it is %s", r.options.Timeout, after.State.Status), nil
	case after.broken():
		return r.failed("it was started, but %s", after.ending()), nil
	}
	return health.Treatment{Effect: health.Applied, Detail: fmt.Sprintf("restarted %s in %s (%.12s, started at %s)",
		r.name(), took, after.ID, after.State.StartedAt.UTC().Format(clock))}, nil
}

// failed is the treatment for a restart that was asked for and did not succeed.
func (r *dockerRemedy) failed(format string, args ...any) health.Treatment {
	text := fmt.Sprintf("restart of %s failed: ", r.name()) + fmt.Sprintf(format, args...)
	return health.Treatment{Effect: health.Failed, Detail: health.Clip(text, detailLimit)}
}

// detailLimit bounds what an Engine may add to a detail, in bytes.
const detailLimit = 1 << 10
