package probe

import "time"

// growth remembers when a number last rose.
type growth struct {
	last float64
	rose time.Time
}

// observe takes the number seen at a time and returns for how long it has not
// risen. The first number counts as a rise; a fall starts no new one.
func (g *growth) observe(number float64, at time.Time) time.Duration {
	if g.rose.IsZero() || number > g.last {
		g.rose = at
	}
	g.last = number
	return at.Sub(g.rose)
}
