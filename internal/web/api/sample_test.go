package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/internal/pipeline"
	"paramedic/workflows"
)

// sample is what systems send today.
const sample = `{"service":"clickhouse","status":"down","reason":"Connection refused after 3 retries","timestamp":"2026-03-19T14:30:00Z"}`

// line is a target of an import.
const line = `{"target":"10.0.0.9:80","labels":{"tier":"gold"}}` + "\n"

func noReload(context.Context) error { return nil }

func ledger() workflows.Ledger {
	at := time.Now()
	return workflows.Ledger{
		Accounts: map[string]*workflows.Account{
			"cache": {Incident: "cache@x", Down: true, SeenAt: at, Permit: at.Add(time.Minute), Asked: at,
				StableFor: health.Duration(10 * time.Minute), Spent: []health.Spending{{At: at, Incident: "cache@x", Observed: true}}},
			"web": {Incident: "web@x"},
		},
		Queue: []string{"web"}, Limits: activities.FleetLimits{ConcurrentRestarts: 1, MinHealthy: 51, Services: 3},
	}
}

func panels() pipeline.Panels {
	freshness, wal, failover, sync, queue := pipeline.DefaultFreshness, pipeline.DefaultWAL,
		pipeline.DefaultFailover, pipeline.DefaultSync, pipeline.DefaultQueue
	freshness.Service, wal.Service, failover.Service, sync.Service = "clickhouse", "clickhouse", "clickhouse", "clickhouse"
	queue.Name, queue.Service = "S2S", "cache"
	sync.Tables = []pipeline.Table{{Name: "geo", Rows: "rows"}, {Name: "media", Rows: "rows_media"}}
	return pipeline.Panels{
		Freshness: &freshness, WAL: &wal, Failover: &failover, Sync: &sync,
		DLQ: []pipeline.Queue{queue}, Services: []string{"clickhouse", "gone"},
	}
}

// plain asks without holding the answer against the document.
func (w *world) plain(method, path string) answer {
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, httptest.NewRequest(method, path, http.NoBody).WithContext(w.t.Context()))
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}
