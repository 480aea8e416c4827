package probe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

func s3Options(server *realtest.S3Server, address string) *S3 {
	options := s3Kind().Options().(*S3)
	options.Endpoint, options.Bucket = "http://"+address, realtest.S3Bucket
	options.AccessKey = option.NewSecret(server.AccessKey)
	options.SecretKey = option.NewSecret(server.SecretKey)
	return options
}

func TestS3ReusesItsConnectionAndLeavesNothing(t *testing.T) {
	server := realtest.S3(t)
	relay := newRelay(t, server.Addr)
	requireNoLeak(t, func() {
		prober, err := s3Options(server, relay.Addr).Open()
		require.NoError(t, err)
		for range 5 {
			result := probe(t, prober, 10*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "list, put, get and delete passed", result.Message)
			require.Empty(t, server.Objects(t))
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
	})
}

// faultyS3 is the real server behind a proxy that may answer in its place.
func faultyS3(t *testing.T, server *realtest.S3Server, instead func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	backend := &url.URL{Scheme: "http", Host: server.Addr}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.Out.Host = r.In.Host // it is part of the signature
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !instead(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return strings.TrimPrefix(front.URL, "http://")
}

func isObject(r *http.Request) bool { return strings.Contains(r.URL.Path, s3ObjectName) }

func TestS3LeavesNothingWhenGetFails(t *testing.T) {
	server := realtest.S3(t)
	const denied = `<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>`
	cases := map[string]struct {
		method string
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"error": {http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(denied))
		}, "Access Denied while getting the test object"},
		"other content": {http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			_, _ = w.Write([]byte("other"))
		}, `the test object reads "other", not "paramedic `},
		"silence": {http.MethodGet, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, "timeout after 2s while getting the test object"},
		"connection cut": {http.MethodGet, func(_ http.ResponseWriter, _ *http.Request) {
			panic(http.ErrAbortHandler)
		}, "connection closed by the server while getting the test object"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			var stored atomic.Int64 // a cut connection makes net/http ask again
			address := faultyS3(t, server, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != test.method || !isObject(r) {
					return false
				}
				stored.Store(int64(len(server.Objects(t))))
				test.answer(w, r)
				return true
			})
			prober := open(t, s3Options(server, address))
			result := probe(t, prober, 2*time.Second)
			require.Contains(t, result.Message, test.want)
			require.EqualValues(t, 1, stored.Load(), "the object has to be there while it is read")
			require.Empty(t, server.Objects(t))
		})
	}
}

// A put whose answer is lost has stored the object all the same.
func TestS3LeavesNothingWhenTheAnswerToPutIsLost(t *testing.T) {
	server := realtest.S3(t)
	through := faultyS3(t, server, func(http.ResponseWriter, *http.Request) bool { return false })
	address := faultyS3(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: through})
		proxy.ModifyResponse = func(*http.Response) error { panic(http.ErrAbortHandler) }
		proxy.ServeHTTP(w, r)
		return true
	})
	prober := open(t, s3Options(server, address))
	requireUnhealthy(t, probe(t, prober, 2*time.Second), "connection closed by the server while putting the test object")
	require.Empty(t, server.Objects(t))
}

func TestS3NamesTheObjectItCouldNotDelete(t *testing.T) {
	server := realtest.S3(t)
	address := faultyS3(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	result := probe(t, open(t, s3Options(server, address)), 2*time.Second)
	objects := server.Objects(t)
	require.Len(t, objects, 1)
	require.Contains(t, result.Message, "while deleting the test object "+objects[0])

	// It is removed by a later probe, once it is surely abandoned.
	fresh := open(t, s3Options(server, server.Addr))
	requireHealthy(t, probe(t, fresh, 5*time.Second))
	require.Len(t, server.Objects(t), 1)
	server.Age(t, objects[0], 2*s3Abandoned)
	requireHealthy(t, probe(t, fresh, 5*time.Second))
	require.Empty(t, server.Objects(t))
}

func TestS3NeverTouchesOtherObjects(t *testing.T) {
	server := realtest.S3(t)
	client, err := minio.New(server.Addr, &minio.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")})
	require.NoError(t, err)
	for _, name := range []string{".paramedic/notes.txt", "backup.tar", ".paramedic/deep/paramedic-probe-x"} {
		_, err = client.PutObject(context.Background(), realtest.S3Bucket, name, strings.NewReader("x"), 1, minio.PutObjectOptions{})
		require.NoError(t, err)
		server.Age(t, name, 2*s3Abandoned)
	}
	requireHealthy(t, probe(t, open(t, s3Options(server, server.Addr)), 5*time.Second))
	require.Len(t, server.Objects(t), 3)
}

func TestS3SaysWhatTheServerRefuses(t *testing.T) {
	server := realtest.S3(t)
	options := s3Options(server, server.Addr)
	options.Bucket = "missing"
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second), "The specified bucket does not exist while listing bucket missing")
	options = s3Options(server, server.Addr)
	options.SecretKey = option.NewSecret("wrong-secret")
	result := probe(t, open(t, options), 5*time.Second)
	require.Contains(t, result.Message, "signature")
	require.NotContains(t, result.Message, "wrong-secret")
}

func TestS3SurvivesFreezeAndRestart(t *testing.T) {
	server := realtest.S3(t)
	prober := open(t, s3Options(server, server.Addr))
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Stop()
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while listing bucket backups")
	server.Cont()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.Kill()
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while listing bucket backups")
	server.Start()
	requireHealthy(t, probe(t, prober, 5*time.Second))
	require.Empty(t, server.Objects(t))
}

func TestS3SurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options {
		return &S3{Endpoint: "http://" + address, Bucket: "backups", Region: "us-east-1", PathStyle: true}
	}, "timeout after 200ms while listing bucket backups", "connection refused while listing bucket backups")
}

func TestS3Endpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"account.r2.cloudflarestorage.com":         "",
		"https://account.r2.cloudflarestorage.com": "",
		"http://127.0.0.1:9000/":                   "",
		"s3.eu-central-1.amazonaws.com:443":        "",
		"ftp://x":                                  "begins with ftp://; write https:// or http://",
		"https://s3.example/bucket":                "is not the URL of a service alone; the bucket belongs to bucket, keys to access_key and secret_key",
		"https://key:secret@s3.example":            "is not the URL of a service alone; the bucket belongs to bucket, keys to access_key and secret_key",
		"not a host":                               `"not a host" is not a host or a URL`,
	} {
		problems := (&S3{Endpoint: endpoint, TLS: true}).Validate()
		if want == "" {
			require.Empty(t, problems, endpoint)
			continue
		}
		require.Equal(t, option.Problems{{Path: "endpoint", Text: want}}, problems)
	}
}
