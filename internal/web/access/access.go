// Package access says who asks, and what they may do. A person or a machine
// shows a bearer token, a name and password, or a session begun at an OpenID
// Connect provider; each has a role. Without any of them configured, whoever
// reaches the pages is the person at this machine, because they are then
// served on loopback only.
package access

import (
	"context"
	"strings"
	"unicode"
)

// Role is what somebody may do; each role may do what those below it may.
type Role int

// The roles, from the least to the most.
const (
	// Public sees what is published for everybody.
	Public Role = iota
	// Viewer sees everything and changes nothing.
	Viewer
	// Operator acknowledges, silences, pauses, approves.
	Operator
	// Admin may do everything.
	Admin
)

var roleNames = []string{"public", "viewer", "operator", "admin"}

// String returns the name of the role: "public", "viewer", "operator", "admin".
func (r Role) String() string {
	if r < Public || r > Admin {
		return "unknown"
	}
	return roleNames[r]
}

// ParseRole reads a role that somebody can be given: "viewer", "operator" or
// "admin".
func ParseRole(name string) (Role, bool) {
	for role := Viewer; role <= Admin; role++ {
		if role.String() == name {
			return role, true
		}
	}
	return Public, false
}

// The methods by which somebody is known.
const (
	MethodLocal = "local"
	MethodToken = "token"
	MethodBasic = "basic"
	MethodOIDC  = "oidc"
)

// Identity is who asks. The zero value is the public.
type Identity struct {
	// Name is that of the token or user, or what the provider calls the person.
	Name string
	Role Role
	// Method is how they are known: "local", "token", "basic" or "oidc"; empty
	// for the public.
	Method string
}

type identityKey struct{}

// With returns a context that carries who asks.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// From returns who asks; the zero Identity, which is the public, if nobody was
// identified.
func From(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

// longestName bounds names in bytes; they stand in timelines and logs.
const longestName = 128

// plainName makes what a provider calls a person fit to be shown: one line,
// without what moves the cursor or turns the direction of writing, not too long.
func plainName(name string) string {
	name = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(name, ""), func(r rune) bool {
		return r == ' ' || r == '\u2028' || r == '\u2029' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "")
	}
	return name
}
