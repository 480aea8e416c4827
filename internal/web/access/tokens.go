package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// shortestToken is the length in bytes below which nothing is taken for a
// token. A correct token is let in however often wrong ones were tried, so it
// must be too long to be guessed.
const shortestToken = 24

type token struct {
	name string
	sum  [sha256.Size]byte
	role Role
}

func readTokens(written []Token) ([]token, error) {
	tokens := make([]token, len(written))
	for i, t := range written {
		tokens[i] = token{name: t.Name, role: t.Role}
		sum, err := hex.DecodeString(strings.TrimPrefix(t.Hash, "sha256:"))
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("token %q: the hash is not a SHA-256 in hexadecimal", t.Name)
		}
		copy(tokens[i].sum[:], sum)
	}
	return tokens, nil
}

// byToken finds whose token this is, in the same time whoever it is.
func (g *rules) byToken(shown string) (Identity, bool) {
	if len(shown) < shortestToken {
		return Identity{}, false
	}
	sum := sha256.Sum256([]byte(shown))
	found := -1
	for i := range g.tokens {
		equal := subtle.ConstantTimeCompare(sum[:], g.tokens[i].sum[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return Identity{}, false
	}
	return Identity{Name: g.tokens[found].name, Role: g.tokens[found].role, Method: MethodToken}, true
}

func (g *rules) hasToken(name string) bool {
	for _, t := range g.tokens {
		if t.name == name {
			return true
		}
	}
	return false
}
