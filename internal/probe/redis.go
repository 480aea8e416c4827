package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Redis are the options of kind redis.
type Redis struct {
	Address        string        `yaml:"address" required:"true" doc:"Host and port of the server."`
	Username       string        `yaml:"username" doc:"User of the access control list; empty means the default user."`
	Password       option.Secret `yaml:"password" doc:"Password of the user, or of the server."`
	DB             int           `yaml:"db" doc:"Number of the database that holds the test key."`
	TLS            bool          `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	Write          bool          `yaml:"write" doc:"Write, read back and delete a test key."`
	Key            string        `yaml:"key" doc:"Begin of the test key's name; each probe adds a part of its own."`
	Lists          []string      `yaml:"lists" doc:"Lists whose lengths are observed, as pending_NAME and, all together, pending."`
	Streams        []string      `yaml:"streams" doc:"Streams whose lengths are observed likewise; with a group, as stream/group, what it has read and not acknowledged."`
	Expect         []string      `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of pending, of pending_NAME for each list and stream, and of latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string      `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// testKeyExpiry removes a test key whose probe died before it could.
const testKeyExpiry = time.Minute

// The library also logs what it returns as errors. The logger is global, so it
// is set before any client exists.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

// Printf implements the logger of go-redis.
func (silence) Printf(context.Context, string, ...any) {}

func redisKind() Kind {
	return Kind{
		Name:    "redis",
		Doc:     "Pings a server that speaks the Redis protocol, then writes, reads back and deletes a test key. Observes how much is pending in lists and streams.",
		Options: func() Options { return &Redis{Write: true, Key: "paramedic:probe"} },
	}
}

// Validate implements Options.
func (o *Redis) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if o.DB < 0 {
		problems.Add("db", "%d is below 0", o.DB)
	}
	if o.Write && o.Key == "" {
		problems.Add("key", "is empty; test keys need a name that tells them from your own")
	}
	if o.Username != "" && o.Password.Empty() {
		problems.Add("username", "needs a password")
	}
	checkQueues(&problems, o.Lists, o.Streams)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *Redis) rules() (rules, option.Problems) {
	var names []string
	for _, q := range queuesOf(o.Lists, o.Streams) {
		names = append(names, q.observation)
	}
	if len(names) > 0 {
		names = append(names, pendingName)
	}
	return compileRules(readingWords(nil, names), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Redis) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	return &redisProber{options: *o, rules: rules, queues: queuesOf(o.Lists, o.Streams), turn: make(turn, 1)}, nil
}

// redisProber keeps one client, and with it its connection, between probes.
type redisProber struct {
	options Redis
	rules   rules
	queues  []queue
	turn    turn
	client  *redis.Client // nil until needed, and after a failure
	hangUp  context.CancelFunc
}

// Probe implements Prober.
func (p *redisProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, p.options.Password)
	a.doing("waiting for another probe of %s", p.options.Address)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	defer p.turn.give()
	p.connect()
	values := newReadings()
	result := p.examine(ctx, a, values)
	if !result.Status.Up() {
		// After two failed dials the library's pool would answer with the old
		// failure and dial in the background; a new client dials when asked.
		_ = p.drop()
		return result
	}
	return p.rules.apply(result, values, newScene(ctx, a.start))
}

// connect makes a client, which connects once it is used. It sends nothing that
// only some servers know: Dragonfly and old versions are as good as new Redis.
func (p *redisProber) connect() {
	if p.client != nil {
		return
	}
	life, hangUp := context.WithCancel(context.Background())
	dial := dialer(p.options.Address, p.options.TLS)
	p.hangUp = hangUp
	p.client = redis.NewClient(&redis.Options{
		Addr: p.options.Address, DB: p.options.DB,
		Username: p.options.Username, Password: p.options.Password.Reveal(),
		// The library dials in a goroutine that outlives the caller's context.
		Dialer:   func(context.Context, string, string) (net.Conn, error) { return dial(life) },
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// The probe itself is the retry, and its context the only time limit.
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		ReadTimeout: -1, WriteTimeout: -1,
		PoolSize: 4, MaxIdleConns: 1, ConnMaxIdleTime: -1,
	})
}

// drop closes the client with all its connections.
func (p *redisProber) drop() error {
	if p.client == nil {
		return nil
	}
	p.hangUp()
	err := p.client.Close()
	p.client = nil
	return err
}

// examine runs the commands.
func (p *redisProber) examine(ctx context.Context, a *attempt, values readings) health.Result {
	a.doing("sending PING to %s", p.options.Address)
	if err := p.client.Ping(ctx).Err(); err != nil {
		return a.failed(err)
	}
	result := health.Result{Status: health.Healthy, Message: "PING passed"}
	if p.options.Write {
		result = p.cycle(ctx, a)
	}
	if result.Status != health.Healthy || len(p.queues) == 0 {
		return result
	}
	total, err := p.pending(ctx, a, values)
	if err != nil {
		return a.failed(err)
	}
	result.Message += fmt.Sprintf(", %d pending", total)
	return result
}

// cycle writes, reads and deletes the test key.
func (p *redisProber) cycle(ctx context.Context, a *attempt) (result health.Result) {
	work, tidy, done := reserve(ctx)
	defer done()
	key := p.options.Key + ":" + rand.Text()
	defer func() {
		a.doing("deleting the test key")
		if err := p.client.Del(tidy, key).Err(); err != nil && result.Status == health.Healthy {
			result = a.failed(err)
		}
	}()
	return p.writeAndRead(work, a, key)
}

// writeAndRead sets the test key and compares what comes back.
func (p *redisProber) writeAndRead(ctx context.Context, a *attempt, key string) health.Result {
	value := rand.Text()
	a.doing("writing the test key")
	if err := p.client.Set(ctx, key, value, testKeyExpiry).Err(); err != nil {
		return a.failed(err)
	}
	a.doing("reading the test key")
	got, err := p.client.Get(ctx, key).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return a.unhealthy("the test key is gone right after it was written")
	case err != nil:
		return a.failed(err)
	case got != value:
		return a.unhealthy("the test key reads %s, not %s as written", show(got), show(value))
	}
	return health.Result{Status: health.Healthy, Message: "PING, write, read and delete passed"}
}

// Close implements Prober.
func (p *redisProber) Close() error {
	_ = p.turn.take(context.Background())
	defer p.turn.give()
	if err := p.drop(); err != nil {
		return fmt.Errorf("close the client of %s: %w", p.options.Address, err)
	}
	return nil
}
