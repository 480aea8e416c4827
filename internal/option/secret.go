package option

import (
	"encoding/json"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Mask stands wherever a secret would have been shown.
const Mask = "***"

// Secret is a value that is used and never shown: printing, formatting and
// marshalling all give the mask. Reveal is the only way to the value.
type Secret struct{ value string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value, for the one call that needs it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.value == "" }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return Mask
}

// GoString implements fmt.GoStringer, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// shortestSecret is the length in bytes below which a value is not searched
// for in texts: masking every "1" would hide more than it protects.
const shortestSecret = 4

// cutMark is what health.Clip puts where it shortens a text.
const cutMark = "…"

// Redactor replaces known secrets in texts on their way out of the process:
// as they are, escaped as in quotes or URLs, and cut short by a limit.
// The zero value redacts nothing. It is safe for concurrent use.
type Redactor struct {
	replacer *strings.Replacer
	values   []string
}

// NewRedactor returns a redactor of the given values.
func NewRedactor(values []string) *Redactor {
	var kept []string
	for _, value := range values {
		if len(value) >= shortestSecret {
			kept = append(kept, forms(value)...)
		}
	}
	slices.Sort(kept)
	kept = slices.Compact(kept)
	// A secret that contains another one must be replaced first.
	sort.SliceStable(kept, func(i, j int) bool { return len(kept[i]) > len(kept[j]) })
	pairs := make([]string, 0, 2*len(kept))
	for _, value := range kept {
		pairs = append(pairs, value, Mask)
	}
	return &Redactor{replacer: strings.NewReplacer(pairs...), values: kept}
}

// forms are the ways in which messages write a value.
func forms(value string) []string {
	quoted := strconv.Quote(value)
	written := []string{value, quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value)}
	if encoded, err := json.Marshal(value); err == nil {
		written = append(written, string(encoded[1:len(encoded)-1]))
	}
	return written
}

// Redact returns text with every known secret masked.
func (r *Redactor) Redact(text string) string {
	if r == nil || r.replacer == nil {
		return text
	}
	// What was cut short goes first: it may begin with another secret.
	parts := strings.Split(text, cutMark)
	for i := range parts[:len(parts)-1] {
		parts[i] = r.maskEnd(parts[i])
	}
	return r.replacer.Replace(strings.Join(parts, cutMark))
}

// maskEnd masks the longest beginning of a secret at the end of a text that
// was cut.
func (r *Redactor) maskEnd(text string) string {
	longest := 0
	for _, value := range r.values {
		for n := min(len(value), len(text)); n >= max(shortestSecret, longest+1); n-- {
			if strings.HasSuffix(text, value[:n]) {
				longest = n
				break
			}
		}
	}
	if longest == 0 {
		return text
	}
	return text[:len(text)-longest] + Mask
}
