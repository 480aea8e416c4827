package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Redis are the options of kind redis.
type Redis struct {
	Address  string        `yaml:"address" required:"true" doc:"Host and port of the server."`
	Username string        `yaml:"username" doc:"User of the access control list; empty means the default user."`
	Password option.Secret `yaml:"password" doc:"Password of the user, or of the server."`
	DB       int           `yaml:"db" doc:"Number of the database that holds the test key."`
	TLS      bool          `yaml:"tls" doc:"Connect by TLS and verify the certificate."`
	Key      string        `yaml:"key" doc:"Begin of the test key's name; each probe adds a part of its own."`
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
		Doc:     "Pings a server that speaks the Redis protocol, then writes, reads back and deletes a test key.",
		Options: func() Options { return &Redis{Key: "paramedic:probe"} },
	}
}

// Validate implements Options.
func (o *Redis) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "address", o.Address)
	if o.DB < 0 {
		problems.Add("db", "%d is below 0", o.DB)
	}
	if o.Key == "" {
		problems.Add("key", "is empty; test keys need a name that tells them from your own")
	}
	if o.Username != "" && o.Password.Empty() {
		problems.Add("username", "needs a password")
	}
	return problems
}

// Open implements Options. The client sends nothing that only some servers
// know: Dragonfly and old versions are as good as the newest Redis.
func (o *Redis) Open() (Prober, error) {
	options := &redis.Options{
		Addr: o.Address, Username: o.Username, Password: o.Password.Reveal(), DB: o.DB,
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// The probe itself is the retry, and its context the only time limit.
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		ReadTimeout: -1, WriteTimeout: -1,
		PoolSize: 2, MaxIdleConns: 1, ConnMaxIdleTime: -1,
	}
	if o.TLS {
		options.TLSConfig = tlsFor(o.Address)
	}
	return &redisProber{options: *o, client: redis.NewClient(options)}, nil
}

// redisProber keeps one client, and with it its connection, between probes.
type redisProber struct {
	options Redis
	client  *redis.Client
}

// Probe implements Prober.
func (p *redisProber) Probe(ctx context.Context) (result health.Result) {
	a := begin(ctx, p.options.Password)
	a.doing("sending PING to %s", p.options.Address)
	if err := p.client.Ping(ctx).Err(); err != nil {
		return a.failed(err)
	}
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
	if err := p.client.Close(); err != nil {
		return fmt.Errorf("close the client of %s: %w", p.options.Address, err)
	}
	return nil
}
