package board

// Watcher is told that something has changed. It is not told what: who looks
// again sees all of it, however many changes there were.
type Watcher struct {
	// C gets a value after a change; several changes give one.
	C       <-chan struct{}
	changed chan struct{}
	board   *Board
	service string
}

// Watch tells of changes of one service, or of any when service is empty, until
// it is closed.
func (b *Board) Watch(service string) *Watcher {
	changed := make(chan struct{}, 1)
	w := &Watcher{C: changed, changed: changed, board: b, service: service}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[w] = struct{}{}
	return w
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	delete(w.board.watchers, w)
}

// wake tells those who watch a service, or all of them when service is empty.
// The lock is held.
func (b *Board) wake(service string) {
	for w := range b.watchers {
		if service != "" && w.service != "" && w.service != service {
			continue
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}
