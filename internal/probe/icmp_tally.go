package probe

import (
	"fmt"
	"time"
)

// echoTally counts echo requests and the replies to them.
type echoTally struct {
	sent int
	rtts []time.Duration
	// fault is why the last request that was lost could not be sent or
	// delivered, where that is known.
	fault error
}

// add counts one request.
func (t *echoTally) add(rtt time.Duration, err error) {
	t.sent++
	switch {
	case err == nil:
		t.rtts = append(t.rtts, rtt)
	case !isTimeout(err):
		t.fault = err
	}
}

// loss is the percentage of requests without a reply.
func (t echoTally) loss() float64 {
	return 100 * float64(t.sent-len(t.rtts)) / float64(max(t.sent, 1))
}

// times are the mean and the longest time until a reply, of which there is one
// at least.
func (t echoTally) times() (mean, longest time.Duration) {
	for _, rtt := range t.rtts {
		mean, longest = mean+rtt, max(longest, rtt)
	}
	return mean / time.Duration(len(t.rtts)), longest
}

// String writes it for people: "2 replies to 3 requests in 0.4 ms".
func (t echoTally) String() string {
	text := counted(len(t.rtts), "reply", "replies") + " to " + counted(t.sent, "request", "requests")
	if len(t.rtts) > 0 {
		mean, _ := t.times()
		return fmt.Sprintf("%s in %.3g ms", text, inMS(mean))
	}
	if t.fault != nil {
		text += " (" + plainly(t.fault) + ")"
	}
	return text
}

func counted(number int, one, more string) string {
	switch number {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", number, more)
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
