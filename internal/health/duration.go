package health

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as text ("60s", "1m30s") wherever
// people read it: configuration, workflow inputs and results in the Web UI.
type Duration time.Duration

// ParseDuration reads Go's notation for durations: "500ms", "60s", "1h30m".
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write it like 60s, 500ms or 1h30m", text)
	}
	return Duration(d), nil
}

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes whole seconds up to two minutes as seconds, as users write
// them ("60s", "90s"), and drops zero units from longer ones ("10m", "1h30m").
func (d Duration) String() string {
	std := time.Duration(d)
	if std%time.Second == 0 && std > -2*time.Minute && std < 2*time.Minute {
		return fmt.Sprintf("%ds", int(std/time.Second))
	}
	text := std.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Span writes a length of time as people say it, to the second: "12s",
// "2m 15s", "3h 4m", "2d 3h". Alerts and timelines use it for downtimes.
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		d = 0
	}
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	minutes, seconds := int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, seconds)
	default:
		return fmt.Sprintf("%ds", seconds)
	}
}
