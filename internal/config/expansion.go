package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// Options are tried on some of the listed targets. All would take seconds for
// ten thousands, and where one fits, most do.
const (
	expansionTries = 100    // targets of one service
	fillsLimit     = 10_000 // tries in one file
)

// noteTemplate remembers a text that holds a template, to be judged once all
// is known of the service that it is in.
func (d *decoder) noteTemplate(path, text string) {
	if option.IsTemplate(text) {
		d.templates = append(d.templates, path)
	}
}

// ofTargets reports whether what stands at path is an option of a service with
// targets that may hold templates.
func (d *decoder) ofTargets(path string) bool {
	service, key, inService := splitService(path)
	if !inService || !isTemplated(key) {
		return false
	}
	n := d.nodes[service]
	return n != nil && n.get("targets") != nil
}

// splitService takes a path apart into that of a service and what is below.
func splitService(path string) (service, key string, inService bool) {
	end := strings.Index(path, "].")
	if !strings.HasPrefix(path, "services[") || end < 0 {
		return "", "", false
	}
	return path[:end+1], path[end+2:], true
}

// isTemplated reports whether a key of a service holds options that are filled
// in for each target.
func isTemplated(key string) bool {
	return key == "probe" || strings.HasPrefix(key, "probe.") || strings.HasPrefix(key, "remediation.steps[")
}

// templates reports the templates that nothing is filled in to.
func (c *checker) misplaced() {
	for _, path := range c.d.templates {
		service, key, inService := splitService(path)
		if !inService || c.d.ofTargets(path) {
			continue
		}
		switch n := c.d.nodes[service]; {
		case n == nil || n.get("targets") == nil:
			c.wrong(path, "{{target}} and {{label}} stand for the targets of a service, and this one has none; write what is meant, or list targets")
		case strings.HasPrefix(key, "fleet.control."):
			c.wrong(path, "the control probe looks at one thing for all targets; write its address in place of {{target}} or {{label}}")
		default:
			c.wrong(path, "{{target}} and {{label}} are not filled in here; write them in the options of the probe and of exec and http steps only")
		}
	}
}

// filling are options that are filled in for each target.
type filling struct {
	path string
	// what names them for people.
	what    string
	options validator
	// check finds what is wrong whatever the target, fill with one of them.
	check func() option.Problems
	fill  func(health.Target) option.Problems
}

// fillings are all options of a service that are filled in for each target.
func (s *Service) fillings(path string) []filling {
	var all []filling
	addProbe := func(key, what string, p *Probe) {
		if p == nil || p.Options == nil {
			return
		}
		all = append(all, filling{
			join(join(path, key), p.Kind), what, p.Options,
			func() option.Problems { return probe.CheckMany(p.Options) },
			func(target health.Target) option.Problems {
				_, problems := probe.Expand(p.Options, target)
				return problems
			},
		})
	}
	addProbe("probe", "the probe", &s.Probe)
	if s.Remediation == nil {
		return all
	}
	for i := range s.Remediation.Steps {
		step, key := &s.Remediation.Steps[i], fmt.Sprintf("remediation.steps[%d]", i)
		if step.Options != nil {
			all = append(all, filling{
				join(join(path, key), step.Kind), fmt.Sprintf("step %d", i+1), step.Options,
				func() option.Problems { return remedy.CheckMany(step.Options) },
				func(target health.Target) option.Problems {
					_, problems := remedy.Expand(step.Options, target)
					return problems
				},
			})
		}
		addProbe(join(key, "pre_check"), fmt.Sprintf("the pre_check of step %d", i+1), step.PreCheck)
		addProbe(join(key, "post_check"), fmt.Sprintf("the post_check of step %d", i+1), step.PostCheck)
	}
	return all
}

// expansion checks the options that are filled in for each target: what is
// wrong with them whatever the target, listed targets that lack a label which
// they ask for, and what is wrong once they are filled in, of the first listed
// target for which something is.
func (c *checker) expansion(path string, s *Service) {
	var sound []filling
	for _, f := range s.fillings(path) {
		if c.d.problems(f.path, withoutTemplate(f.check())); !c.d.isFailed(f.path) {
			sound = append(sound, f)
		}
	}
	fit := c.labelled(join(path, "targets.list"), s.Targets.List, sound)
	for _, f := range sound {
		if !option.HasTemplate(f.options) {
			continue
		}
		for _, target := range fit[:min(len(fit), expansionTries)] {
			if c.fills++; c.fills > fillsLimit || c.d.isFailed(f.path) {
				break
			}
			problems := withoutTemplate(f.fill(target))
			for i := range problems {
				problems[i].Text = fmt.Sprintf("with the target %s: %s", target.Name, problems[i].Text)
			}
			c.d.problems(f.path, problems)
		}
	}
}

// labelled returns the targets that have every label which options ask for,
// and reports the others.
func (c *checker) labelled(path string, list []health.Target, all []filling) []health.Target {
	asking := map[string]string{}
	for _, f := range all {
		asked, _ := option.StandIn(f.options)
		for name := range asked.Labels {
			asking[name] = cmp.Or(asking[name], f.what)
		}
	}
	names := slices.Sorted(maps.Keys(asking))
	fit := make([]health.Target, 0, len(list))
	for i, target := range list {
		if c.d.failures > mistakesLimit {
			break
		}
		if missing := lacking(target, names); missing != "" {
			c.wrong(fmt.Sprintf("%s[%d]", path, i), "the target %s has no label %q, which %s asks for; add the label, or take it out of the template",
				target.Name, missing, asking[missing])
		} else if target.Name != "" { // or it was reported
			fit = append(fit, target)
		}
	}
	return fit
}

// lacking is the first label that a target does not have.
func lacking(target health.Target, names []string) string {
	for _, name := range names {
		if _, has := target.Labels[name]; !has {
			return name
		}
	}
	return ""
}

// withoutTemplate says what to do about a template where none can be.
func withoutTemplate(problems option.Problems) option.Problems {
	for i, p := range problems {
		if strings.HasPrefix(p.Text, "holds {{target}}") && !strings.Contains(p.Text, ";") {
			problems[i].Text += "; write it without"
		}
	}
	return problems
}
