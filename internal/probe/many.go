package probe

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Many looks at many targets by the same options, whose texts may hold
// {{target}} and {{label "name"}}. It is safe for concurrent use.
type Many interface {
	// Probe looks at one target, as Prober does.
	Probe(ctx context.Context, target health.Target) health.Result
	// Host names the machine that a probe of the target asks, for limits per
	// host; empty if there is none.
	Host(target health.Target) string
	// Close releases everything.
	Close() error
}

// sharing are options of a kind whose probers of all targets have most in
// common: what is compiled, and the connections.
type sharing interface {
	Options
	// openMany builds the prober of all targets; nil if the templates stand
	// where they cannot be shared.
	openMany() (Many, error)
}

// OpenMany builds the prober of all targets. It does not connect. Kinds that
// are sharing compile their conditions once, and those that ask by HTTP share
// their connections too; all others are opened anew for each probe, which costs
// what compiling their options and connecting costs. An error names the mistake
// in the options.
func OpenMany(options Options) (Many, error) {
	if err := firstMistake(CheckMany(options)); err != nil {
		return nil, err
	}
	if shared, ok := options.(sharing); ok {
		if many, err := shared.openMany(); many != nil || err != nil {
			return many, err
		}
	}
	return &general{options: options}, nil
}

// RunMany makes one probe of one target with a time limit and stamps the
// result, as Run does.
func RunMany(ctx context.Context, many Many, target health.Target, limit time.Duration) health.Result {
	return stamped(ctx, limit, func(ctx context.Context) health.Result { return many.Probe(ctx, target) })
}

// general probes targets of any kind. It keeps nothing between probes.
type general struct{ options Options }

// Probe implements Many.
func (g *general) Probe(ctx context.Context, target health.Target) health.Result {
	expanded, problems := Expand(g.options, target)
	if len(problems) > 0 {
		return misfit(problems)
	}
	prober, err := expanded.Open()
	if err != nil {
		return health.Result{Status: health.Unhealthy, Message: "cannot be probed: " + err.Error()}
	}
	defer func() { _ = prober.Close() }()
	return prober.Probe(ctx)
}

// misfit is the result for a target that the options do not fit.
func misfit(problems option.Problems) health.Result {
	texts := make([]string, 0, len(problems))
	for _, p := range problems {
		texts = append(texts, strings.TrimPrefix(p.Path+": "+p.Text, ": "))
	}
	return health.Result{Status: health.NotProbed, Message: fmt.Sprintf("cannot be probed: %s", strings.Join(texts, "; "))}
}

// Host implements Many. What most options do with the name of a target is to
// connect to it.
func (g *general) Host(target health.Target) string { return hostOf(target.Name) }

// Close implements Many.
func (g *general) Close() error { return nil }

// hostOf returns the host of an address, with or without a port, or of a URL.
func hostOf(address string) string {
	if _, rest, isURL := strings.Cut(address, "://"); isURL {
		address = rest
	}
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		address = address[:end]
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}
