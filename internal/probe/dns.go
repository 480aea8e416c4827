package probe

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/expr-lang/expr/types"
	"github.com/miekg/dns"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// DNS are the options of kind dns.
type DNS struct {
	Server         string   `yaml:"server" doc:"Host and port of the DNS server to ask, like 10.0.0.53:53; without one, the resolvers that /etc/resolv.conf names."`
	Name           string   `yaml:"name" required:"true" doc:"Name to ask for, in full: search domains are not added. With type PTR it may be an IP address."`
	Type           string   `yaml:"type" enum:"A,AAAA,CNAME,MX,TXT,NS,SRV,CAA,PTR,SOA" doc:"Type of the records to ask for."`
	Expect         []string `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of rcode (like NOERROR or NXDOMAIN), answers (the records of the type as texts, written as dig +short does but without the dot at the end of names), count (of answers), ttl (in seconds, the least in the answer; nil without one), authoritative and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

func dnsKind() Kind {
	return Kind{
		Name: "dns",
		Doc:  "Asks a DNS server, by UDP and by TCP if the answer is too long for that, and checks what it answers.",
		Options: func() Options {
			return &DNS{Type: "A", Expect: []string{`rcode == "NOERROR"`, "count > 0"}}
		},
	}
}

var dnsWords = words{
	"rcode": types.String, "answers": types.TypeOf([]string{}), "count": types.Int,
	"ttl": types.Any, "authoritative": types.Bool,
}

// Validate implements Options.
func (o *DNS) Validate() option.Problems {
	var problems option.Problems
	checkAddress(&problems, "server", o.Server)
	if o.Name != "" {
		if _, err := o.asked(); err != nil {
			problems.Add("name", "%v", err)
		}
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

// asked is the name that goes into the question.
func (o *DNS) asked() (string, error) {
	if _, err := netip.ParseAddr(o.Name); err == nil {
		if o.Type != "PTR" {
			return "", fmt.Errorf("%q is an address; only type PTR is asked by address", o.Name)
		}
		return dns.ReverseAddr(o.Name)
	}
	for _, r := range o.Name {
		if r <= ' ' || r >= 0x7f {
			return "", fmt.Errorf("%q is not a name as DNS writes it; write it in ASCII without spaces, like xn--bcher-kva.example", o.Name)
		}
	}
	if _, ok := dns.IsDomainName(o.Name); !ok {
		return "", fmt.Errorf("%q is not a domain name: it is longer than 255 bytes, or a part of it is empty or longer than 63", o.Name)
	}
	return dns.Fqdn(o.Name), nil
}

func (o *DNS) rules() (rules, option.Problems) {
	return compileRules(everyWord(dnsWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *DNS) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	return o.prober(rules)
}

// prober makes a prober with conditions that have been compiled.
func (o *DNS) prober(rules rules) (Prober, error) {
	name, err := o.asked()
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return &dnsProber{options: *o, asked: name, rules: rules, resolvers: resolvConf}, nil
}

// dnsProber asks anew each time: a name that is remembered would not be checked.
type dnsProber struct {
	options DNS
	asked   string
	rules   rules
	// resolvers is the file that names the system's resolvers.
	resolvers string
}

// Probe implements Prober.
func (p *dnsProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx)
	servers, err := p.servers()
	if err != nil {
		return a.unhealthy("%v; name a server in the option server", err)
	}
	reply, err := p.ask(ctx, a, servers)
	if err != nil {
		return a.failed(err)
	}
	return p.judge(newScene(ctx, a.start), reply)
}

// judge holds a reply against the conditions.
func (p *dnsProber) judge(s scene, reply *dns.Msg) health.Result {
	asked, rcode := p.options.Name+" "+p.options.Type, rcodeWord(reply.Rcode)
	answers, ttl := readAnswers(reply, dns.StringToType[p.options.Type])
	values := newReadings()
	if ttl != nil {
		values.numbers["ttl"] = *ttl
	}
	s.absent["ttl"] = "there is no answer"
	maps.Copy(s.values, map[string]any{
		"rcode": rcode, "answers": answers, "count": len(answers), "authoritative": reply.Authoritative,
	})
	result := health.Result{Status: health.Healthy, Message: asked + ": " + rcode}
	if len(answers) > 0 {
		result.Message = asked + ": " + strings.Join(answers, ", ")
	}
	result = p.rules.apply(result, values, s)
	// Not one of the readings: to conditions, answers are the records themselves.
	result.Observations["answers"] = float64(len(answers))
	return result
}

// Close implements Prober.
func (p *dnsProber) Close() error { return nil }
