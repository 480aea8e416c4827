package pages

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// streamLimit is how many readers of live updates there may be at a time.
	streamLimit = 200
	// eventEvery is the least time between two events of a stream.
	eventEvery = time.Second
	// aliveEvery is how often a stream that has nothing to say shows that it
	// lives, so that nothing in between closes it.
	aliveEvery = 20 * time.Second
	// writeLimit is how long a reader may take to take an event.
	writeLimit = 10 * time.Second
)

// live tells of changes of a service, or of any, as server-sent events. An event
// says only that something has changed: who wants to know looks again.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "15")
		http.Error(w, "Too many browsers follow live; the page is loaded again from time to time instead.", http.StatusServiceUnavailable)
		return
	}
	watcher := p.Board.Watch(r.URL.Query().Get("service"))
	defer watcher.Close()
	s := stream{w: w, control: http.NewResponseController(w), limit: p.writeLimit}
	if s.begin() != nil {
		return
	}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	var next time.Time
	for {
		// Until the next event may be sent, changes gather in the watcher.
		changed, pause := watcher.C, time.Until(next)
		if pause > 0 {
			changed = nil
		}
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-p.Done:
			return
		case <-changed:
			err = s.write("event: change\ndata: \n\n")
			next = time.Now().Add(eventEvery)
		case <-alive.C:
			err = s.write(": alive\n\n")
		case <-after(pause):
		}
		if err != nil {
			return
		}
	}
}

// after is a channel that never gives for no time.
func after(pause time.Duration) <-chan time.Time {
	if pause <= 0 {
		return nil
	}
	return time.After(pause)
}

// stream writes events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	// limit is how long a reader may take to take what is written.
	limit time.Duration
}

// begin says what follows, and when to come back if it is cut off.
func (s stream) begin() error {
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	return s.write(fmt.Sprintf("retry: %d\n\n", 5*time.Second.Milliseconds()))
}

// write sends at once, within the limit. In between there is none: HTTP/2 ends a
// stream whose time is over also when nothing is being written. A writer without
// a time limit has none to move.
func (s stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.limit))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	return nil
}
