package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// ICMP are the options of kind icmp.
type ICMP struct {
	Address        string          `yaml:"address" required:"true" doc:"Host name or IP address to send echo requests to."`
	Version        string          `yaml:"ip_version" enum:"any,4,6" doc:"Version of IP to use; any takes the first address of the host."`
	Count          int             `yaml:"count" min:"1" max:"20" doc:"Echo requests in one probe, one after the other."`
	Wait           health.Duration `yaml:"wait" min:"1ms" doc:"How long to wait for each reply before the request counts as lost."`
	MaxLoss        float64         `yaml:"max_loss" min:"0" max:"100" percent:"true" doc:"Percentage of requests that may be lost; more is unhealthy, and so is no reply at all."`
	Expect         []string        `yaml:"expect" doc:"Further conditions that all have to hold, else unhealthy. They speak of rtt_ms and rtt_max_ms (mean and longest time until a reply; nil without one), loss (in percent) and latency (rtt_ms as a duration, nil without a reply), and are written in the language of expr-lang.org."`
	ExpectDegraded []string        `yaml:"expect_degraded" doc:"Further conditions that all have to hold, else degraded."`
}

func icmpKind() Kind {
	return Kind{
		Name: "icmp",
		Doc:  "Sends ICMP echo requests (ping) and checks how many replies come, and how fast. The worker's group has to be in net.ipv4.ping_group_range, or the worker needs CAP_NET_RAW.",
		Options: func() Options {
			return &ICMP{Version: "any", Count: 3, Wait: health.Duration(time.Second), MaxLoss: 50}
		},
	}
}

var icmpWords = words{"rtt_ms": types.Any, "rtt_max_ms": types.Any, "loss": types.Float64}

// Validate implements Options.
func (o *ICMP) Validate() option.Problems {
	var problems option.Problems
	if _, err := netip.ParseAddr(o.Address); err != nil {
		if _, _, err := net.SplitHostPort(o.Address); err == nil {
			problems.Add("address", "%q has a port, which ICMP has not; write the host alone", o.Address)
		}
	}
	if o.Count < 1 || o.Count > 20 {
		problems.Add("count", "%d is not between 1 and 20", o.Count)
	}
	if o.Wait <= 0 {
		problems.Add("wait", "%s is too short; write more than 0s", o.Wait)
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *ICMP) rules() (rules, option.Problems) {
	return compileRules(everyWord(icmpWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *ICMP) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	return o.prober(rules), nil
}

// prober makes a prober with conditions that have been compiled.
func (o *ICMP) prober(rules rules) *icmpProber {
	return &icmpProber{options: *o, rules: rules, open: openEcho}
}

// icmpProber opens a socket for each probe: the kernel then hands it the
// replies of one target alone.
type icmpProber struct {
	options ICMP
	rules   rules
	open    func(target netip.Addr) (*echoSocket, error)
}

// Probe implements Prober.
func (p *icmpProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx)
	a.doing("looking up %s", p.options.Address)
	target, err := p.lookUp(ctx)
	if err != nil {
		return a.failed(err)
	}
	a.doing("sending echo requests to %s", p.options.Address)
	socket, err := p.open(target)
	switch {
	case errors.Is(err, errEchoForbidden):
		return a.notProbed("%s was not probed: %v", p.options.Address, err)
	case err != nil:
		return a.failed(err)
	}
	defer func() { _ = socket.Close() }()
	// Closing is what ends a blocked read when the time is up.
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	tally := echoTally{}
	for range p.options.Count {
		tally.add(socket.echo(time.Now().Add(p.patience(ctx, tally.sent))))
		if err := ctx.Err(); err != nil {
			return a.failed(err)
		}
	}
	return p.judge(newScene(ctx, a.start), tally)
}

// lookUp returns the address to send to.
func (p *icmpProber) lookUp(ctx context.Context) (netip.Addr, error) {
	network := map[string]string{"4": "ip4", "6": "ip6"}[p.options.Version]
	if network == "" {
		network = "ip"
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, network, p.options.Address)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(found) == 0 {
		return netip.Addr{}, fmt.Errorf("no address found for %s", p.options.Address)
	}
	return found[0].Unmap(), nil
}

// patience is how long to wait for the next reply: no longer than a fair share
// of the time that is left, so that a probe which gets none still sends all.
func (p *icmpProber) patience(ctx context.Context, sent int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return p.options.Wait.Std()
	}
	// One share more than there are requests is left for the judgement.
	return min(p.options.Wait.Std(), time.Until(deadline)/time.Duration(p.options.Count-sent+1))
}

// judge holds what came back against the limits.
func (p *icmpProber) judge(s scene, tally echoTally) health.Result {
	values := newReadings()
	loss := tally.loss()
	values.numbers["loss"] = loss
	for _, name := range []string{"latency", "rtt_ms", "rtt_max_ms"} {
		s.values[name], s.absent[name] = nil, "there was no reply"
	}
	result := health.Result{Status: health.Healthy, Message: tally.String() + " from " + p.options.Address}
	switch {
	case len(tally.rtts) == 0:
		result.Status = health.Unhealthy
	case loss > p.options.MaxLoss:
		result.Status = health.Unhealthy
		result.Message = fmt.Sprintf("loss %.0f %% > %.0f %%: %s", loss, p.options.MaxLoss, result.Message)
	}
	if len(tally.rtts) > 0 {
		mean, longest := tally.times()
		values.numbers["rtt_ms"], values.numbers["rtt_max_ms"] = inMS(mean), inMS(longest)
		s.values["latency"] = mean
	}
	return p.rules.apply(result, values, s)
}

// Close implements Prober.
func (p *icmpProber) Close() error { return nil }
