package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/singleflight"
)

const (
	// longestPassword is what bcrypt reads, in bytes. More would be ignored.
	longestPassword = 72
	// verifiedFor is how long a password need not be verified anew: doing so
	// costs 70 ms of CPU and more.
	verifiedFor  = 5 * time.Minute
	verifiedSize = 1024
)

// users are those with a password.
type users struct {
	byName map[string]User
	// decoy is the hash that stands in for that of somebody unknown, so that
	// the time tells nobody who exists.
	decoy  []byte
	limits *limits
	// verified holds who was verified, by a keyed hash of name and password.
	verified *shelf[Identity]
	key      [32]byte
	flights  singleflight.Group
	// slots bounds how many passwords are verified at once; slotWait, how long a
	// log-in waits for its turn.
	slots    chan struct{}
	slotWait time.Duration
	now      func() time.Time
	// compare is bcrypt's.
	compare func(hash, password []byte) error
}

func newUsers(written []User, limits *limits, now func() time.Time) (*users, error) {
	u := &users{
		byName: make(map[string]User, len(written)), limits: limits, now: now,
		verified: newShelf[Identity](verifiedSize, now),
		slots:    make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), slotWait: 5 * time.Second,
		compare: bcrypt.CompareHashAndPassword,
	}
	_, _ = rand.Read(u.key[:]) // it never fails
	highest := 0
	for _, user := range written {
		cost, err := bcrypt.Cost([]byte(user.Hash))
		if err != nil {
			return nil, fmt.Errorf("user %q: the hash is not one of bcrypt", user.Name)
		}
		if cost > highest {
			highest, u.decoy = cost, []byte(user.Hash)
		}
		u.byName[user.Name] = user
	}
	return u, nil
}

func (u *users) any() bool { return len(u.byName) > 0 }

func (u *users) has(name string) bool {
	_, found := u.byName[name]
	return found
}

// verify finds who shows name and password from address.
func (u *users) verify(ctx context.Context, address netip.Addr, name, password string) (Identity, *refusal) {
	if len(name) > longestName {
		name = "" // nobody's, and nothing to remember
	}
	if wait := u.limits.wait(address, name); wait > 0 {
		return Identity{}, tooMany(wait)
	}
	if !u.any() || len(password) > longestPassword {
		if wait := u.limits.begin(address, name); wait > 0 {
			return Identity{}, tooMany(wait)
		}
		return Identity{}, &refusal{status: http.StatusUnauthorized, reason: reasonPassword}
	}
	digest := u.digest(name, password)
	if id, ok := u.verified.get(digest); ok {
		return id, nil
	}
	// A page asks for many things at once, and one verification answers all.
	answer, err, _ := u.flights.Do(pair(neighbourhood(address), digest), func() (any, error) {
		return u.examine(context.WithoutCancel(ctx), address, name, password, digest)
	})
	refused := (*refusal)(nil)
	if errors.As(err, &refused) {
		return Identity{}, refused
	}
	id, _ := answer.(Identity)
	return id, nil
}

// examine compares the password, which takes its time.
func (u *users) examine(ctx context.Context, address netip.Addr, name, password, digest string) (Identity, error) {
	if wait := u.limits.begin(address, name); wait > 0 {
		return Identity{}, tooMany(wait)
	}
	ctx, cancel := context.WithTimeout(ctx, u.slotWait)
	defer cancel()
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		u.limits.takeBack(address, name)
		return Identity{}, &refusal{status: http.StatusServiceUnavailable, reason: reasonBusy, wait: time.Second}
	}
	user, known := u.byName[name]
	hash := u.decoy
	if known {
		hash = []byte(user.Hash)
	}
	if err := u.compare(hash, []byte(password)); err != nil || !known {
		return Identity{}, &refusal{status: http.StatusUnauthorized, reason: reasonPassword}
	}
	u.limits.takeBack(address, name)
	u.limits.welcome(address, name)
	id := Identity{Name: user.Name, Role: user.Role, Method: MethodBasic}
	u.verified.put(digest, id, u.now().Add(verifiedFor))
	return id, nil
}

// digest stands for a name and password without giving them away.
func (u *users) digest(name, password string) string {
	mac := hmac.New(sha256.New, u.key[:])
	fmt.Fprintf(mac, "%d:%s:%s", len(name), name, password)
	return string(mac.Sum(nil))
}
