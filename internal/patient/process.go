package patient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// errHurt is the end of a patient that was hurt.
var errHurt = errors.New("the patient was hurt")

// Serve is the patient itself: it answers GET /health until it is hurt by
// POST /hurt, killed, or ctx ends.
func Serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("the patient cannot listen on %s (patient.listen in the configuration): %w", address, err)
	}
	hurt := make(chan struct{}, 1)
	server := &http.Server{Handler: routes(hurt), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("the patient's web server: %w", err)
	case <-hurt:
		// Dies as a crashed service does: at once, and with a bad exit status.
		_ = server.Close()
		<-served
		return errHurt
	case <-ctx.Done():
		err := server.Close()
		<-served
		return err
	}
}

// answerTimeout bounds one question after the patient's health.
const answerTimeout = time.Second

// answers reports whether the patient at address is up and is this process.
func answers(ctx context.Context, address string, pid int) bool {
	client := http.Client{Timeout: answerTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var health struct{ PID int }
	return json.NewDecoder(answer.Body).Decode(&health) == nil && health.PID == pid
}

func routes(hurt chan<- struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"status\":\"healthy\",\"pid\":%d}\n", os.Getpid())
	})
	mux.HandleFunc("POST /hurt", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ouch")
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		select {
		case hurt <- struct{}{}:
		default:
		}
	})
	return mux
}
