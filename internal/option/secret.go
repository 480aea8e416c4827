package option

import (
	"encoding/json"
	"sort"
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

// Redactor replaces known secrets in texts on their way out of the process.
// The zero value redacts nothing. It is safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// NewRedactor returns a redactor of the given values.
func NewRedactor(values []string) *Redactor {
	kept := make([]string, 0, len(values))
	for _, value := range values {
		if len(value) >= shortestSecret {
			kept = append(kept, value)
		}
	}
	// A secret that contains another one must be replaced first.
	sort.Slice(kept, func(i, j int) bool { return len(kept[i]) > len(kept[j]) })
	pairs := make([]string, 0, 2*len(kept))
	for _, value := range kept {
		pairs = append(pairs, value, Mask)
	}
	return &Redactor{replacer: strings.NewReplacer(pairs...)}
}

// Redact returns text with every known secret masked.
func (r *Redactor) Redact(text string) string {
	if r == nil || r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}
