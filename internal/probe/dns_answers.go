package probe

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// readAnswers returns the records of a type in a reply as texts, and the least
// time to live in seconds, aliases on the way included: nil if there is none.
func readAnswers(reply *dns.Msg, wanted uint16) (answers []string, ttl *float64) {
	answers = []string{}
	for _, record := range reply.Answer {
		header := record.Header()
		if lives := float64(header.Ttl); ttl == nil || lives < *ttl {
			ttl = &lives
		}
		if header.Rrtype == wanted {
			answers = append(answers, recordText(record))
		}
	}
	return answers, ttl
}

// recordText writes what a record says, names without the dot at their end.
func recordText(record dns.RR) string {
	switch r := record.(type) {
	case *dns.CNAME:
		return undotted(r.Target)
	case *dns.NS:
		return undotted(r.Ns)
	case *dns.PTR:
		return undotted(r.Ptr)
	case *dns.MX:
		return fmt.Sprintf("%d %s", r.Preference, undotted(r.Mx))
	case *dns.SRV:
		return fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, undotted(r.Target))
	case *dns.TXT:
		// A text longer than 255 bytes comes in parts.
		return strings.Join(r.Txt, "")
	case *dns.SOA:
		return fmt.Sprintf("%s %s %d %d %d %d %d", undotted(r.Ns), undotted(r.Mbox),
			r.Serial, r.Refresh, r.Retry, r.Expire, r.Minttl)
	}
	return strings.TrimPrefix(record.String(), record.Header().String())
}

// undotted drops the dot that ends a name in full, but for the root's.
func undotted(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
