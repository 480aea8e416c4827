package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// RabbitMQ are the options of kind rabbitmq.
type RabbitMQ struct {
	Address        string        `yaml:"address" required:"true" doc:"Host and port of AMQP, usually 5672, or 5671 with TLS."`
	Username       string        `yaml:"username" doc:"User; it needs access to the virtual host, and no permission there."`
	Password       option.Secret `yaml:"password" doc:"Password of the user."`
	VHost          string        `yaml:"vhost" doc:"Virtual host of the queues."`
	TLS            bool          `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	CA             string        `yaml:"ca" doc:"File of PEM certificates to trust instead of the system's, with tls."`
	Queues         []string      `yaml:"queues" doc:"Queues to look at: their messages that wait for a consumer are observed as pending_NAME and, all together, pending; their consumers as consumers_NAME and consumers. A queue that does not exist is unhealthy; none is ever declared or consumed from."`
	DegradedPast   int           `yaml:"degraded_past" doc:"Number of messages waiting in one queue past which it is degraded; 0 sets no limit."`
	UnhealthyPast  int           `yaml:"unhealthy_past" doc:"Number of messages waiting in one queue past which it is unhealthy; 0 sets no limit."`
	Expect         []string      `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of pending and consumers, of pending_NAME and consumers_NAME for each queue, and of latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string      `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

const (
	// rabbitLifetime is when a connection is replaced, so that a server behind a
	// load balancer is found again after it has moved.
	rabbitLifetime = time.Hour
	// rabbitHeartbeat is how often both ends show that they are there.
	rabbitHeartbeat = 30 * time.Second
	// rabbitFarewell is how long the server may take to answer a goodbye.
	rabbitFarewell = time.Second
	// rabbitFrame is the largest frame of the protocol, in bytes.
	rabbitFrame = 128 << 10
)

func rabbitKind() Kind {
	return Kind{
		Name:    "rabbitmq",
		Doc:     "Connects to a RabbitMQ by AMQP 0-9-1 and opens a channel. Observes how much is pending in queues, and who consumes it.",
		Options: func() Options { return &RabbitMQ{Username: "guest", VHost: "/", DegradedPast: 1000} },
	}
}

// Validate implements Options.
func (o *RabbitMQ) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if o.CA != "" && !o.TLS {
		problems.Add("ca", "needs tls: true")
	}
	if _, err := o.config(); err != nil {
		problems.Add("ca", "%v", err)
	}
	if o.DegradedPast < 0 {
		problems.Add("degraded_past", "%d is below 0", o.DegradedPast)
	}
	if o.UnhealthyPast < 0 {
		problems.Add("unhealthy_past", "%d is below 0", o.UnhealthyPast)
	}
	if o.UnhealthyPast > 0 && o.DegradedPast >= o.UnhealthyPast {
		problems.Add("unhealthy_past", "%d is not above degraded_past, which is %d", o.UnhealthyPast, o.DegradedPast)
	}
	checkRabbitQueues(&problems, o.Queues)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *RabbitMQ) rules() (rules, option.Problems) {
	var names []string
	for _, q := range rabbitQueuesOf(o.Queues) {
		names = append(names, q.pending, q.consumers)
	}
	if len(names) > 0 {
		names = append(names, pendingName, consumersName)
	}
	return compileRules(readingWords(nil, names), o.Expect, o.ExpectDegraded)
}

// config returns the client's side of TLS, nil without.
func (o *RabbitMQ) config() (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(o.Address)
	config, err := HTTPTLS{CA: o.CA, ServerName: host}.config()
	if err != nil || !o.TLS {
		return nil, err
	}
	return config, nil
}

// Open implements Options.
func (o *RabbitMQ) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	p := &rabbitProber{options: *o, rules: rules, queues: rabbitQueuesOf(o.Queues), turn: make(turn, 1)}
	p.lines.dial = func(ctx context.Context) (net.Conn, error) {
		conn, socket, err := dialRationed(ctx, o.Address, config)
		p.socket = socket
		return conn, err
	}
	return p, nil
}

// rabbitProber keeps one connection between probes.
type rabbitProber struct {
	options RabbitMQ
	rules   rules
	queues  []rabbitQueue
	lines   lines
	turn    turn
	conn    *amqp.Connection // nil until needed, and after a failure
	socket  *rationed        // of conn
	since   time.Time        // when conn was made
}

// Probe implements Prober.
func (p *rabbitProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	// The library heeds no context; the connection is closed under it instead.
	defer p.lines.during(ctx)()
	values := newReadings()
	result, err := p.examine(ctx, a, values)
	if err != nil {
		err = cause(ctx, p.plain(err))
		p.lines.hangUp()
		p.conn = nil
		return a.failed(err)
	}
	return a.mask(p.rules.apply(result, values, newScene(ctx, a.start)))
}

// examine opens a channel and looks at the queues.
func (p *rabbitProber) examine(ctx context.Context, a *attempt, values readings) (health.Result, error) {
	channel, err := p.greet(ctx, a)
	if err != nil {
		return health.Result{}, err
	}
	verdict := rabbitVerdict{fine: "connected"}
	if len(p.queues) > 0 {
		if channel, verdict, err = p.look(a, channel, values); err != nil {
			return health.Result{}, err
		}
	}
	a.doing("closing the channel at %s", p.options.Address)
	return verdict.result(), channel.Close()
}

// greet opens a channel, on a new connection if the last one does not give one:
// the server may have been restarted since.
func (p *rabbitProber) greet(ctx context.Context, a *attempt) (*amqp.Channel, error) {
	if p.conn != nil && !p.conn.IsClosed() && time.Since(p.since) < rabbitLifetime {
		p.socket.refill()
		a.doing("opening a channel at %s", p.options.Address)
		channel, err := p.conn.Channel()
		if err == nil || ctx.Err() != nil {
			return channel, err
		}
	}
	p.drop()
	a.doing("connecting to %s", p.options.Address)
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	a.doing("opening a channel at %s", p.options.Address)
	return p.conn.Channel()
}

func (p *rabbitProber) connect(ctx context.Context) error {
	socket, err := p.lines.connect(ctx, p.options.Address)
	if err != nil {
		return err
	}
	conn, err := amqp.Open(socket, amqp.Config{
		SASL:      []amqp.Authentication{&amqp.PlainAuth{Username: p.options.Username, Password: p.options.Password.Reveal()}},
		Vhost:     p.options.VHost,
		Heartbeat: rabbitHeartbeat, FrameSize: rabbitFrame, Locale: "en_US",
		Properties: amqp.Table{"product": "paramedic", "connection_name": "paramedic"},
	})
	if err != nil {
		return err
	}
	p.conn, p.since = conn, time.Now()
	return nil
}

// drop closes the connection; the server is told.
func (p *rabbitProber) drop() {
	if p.conn != nil {
		_ = p.conn.CloseDeadline(time.Now().Add(rabbitFarewell))
	}
	p.conn = nil
	p.lines.hangUp()
}

// Close implements Prober.
func (p *rabbitProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	p.drop()
	return nil
}
