package config

import "slices"

// Flapping holds shares of changes in the last results, in percent.
type Flapping struct {
	// Low is the share below which flapping ends; at most High.
	Low int `yaml:"low" percent:"true" min:"0" max:"100" doc:"Flapping ends when fewer than this percentage of the last 21 results are changes; 25 unless set, or high if that is lower."`
	// High is the share above which flapping begins; 0 switches it off.
	High int `yaml:"high" percent:"true" min:"0" max:"100" doc:"A service flaps when more than this percentage of its last 21 results are changes between up and down; 30 unless set, 0 to not look for it."`
}

// flapping checks the thresholds against each other, as cadence does with
// times: one that nobody wrote never contradicts one that somebody did.
func (c *checker) flapping(path string, p *Policy) {
	low, high := "flapping.low", "flapping.high"
	if p.Flapping.High == 0 || p.Flapping.Low <= p.Flapping.High {
		return
	}
	places := []string{join(path, low), join(path, high), join("defaults", low), join("defaults", high)}
	switch {
	case slices.ContainsFunc(places, c.d.isFailed):
	case path == "defaults" && !(c.written(places[0]) && c.written(places[1])): // services may change the rest
	case !c.written(places[0]) && !c.written(places[2]):
		p.Flapping.Low = p.Flapping.High
	default:
		c.wrong(places[slices.IndexFunc(places, c.written)], "low, %d%%%s, is above high, %d%%%s; make low at most %d%%",
			p.Flapping.Low, c.origin(path, low), p.Flapping.High, c.origin(path, high), p.Flapping.High)
	}
}
