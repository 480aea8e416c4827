package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// S3 are the options of kind s3.
type S3 struct {
	Endpoint  string        `yaml:"endpoint" required:"true" doc:"Host of the service, with port if unusual, or its URL, which then decides over tls."`
	Bucket    string        `yaml:"bucket" required:"true" doc:"Bucket to test."`
	Prefix    string        `yaml:"prefix" doc:"Begin of the test object's name; the access key needs to list, put, get and delete below it."`
	AccessKey option.Secret `yaml:"access_key" required:"true" doc:"Access key id."`
	SecretKey option.Secret `yaml:"secret_key" required:"true" doc:"Secret access key."`
	Region    string        `yaml:"region" doc:"Region of the bucket; R2 and MinIO accept the default."`
	PathStyle bool          `yaml:"path_style" doc:"Name the bucket in the path of the URL, not in its host."`
	TLS       bool          `yaml:"tls" doc:"Ask by TLS and verify the certificate."`
}

// Test objects are recognised by this name, so that one whose probe was killed
// is found and removed by a later probe once it is surely nobody's any more.
const (
	s3ObjectName = "paramedic-probe-"
	s3Abandoned  = time.Hour
)

func s3Kind() Kind {
	return Kind{
		Name: "s3",
		Doc:  "Lists a bucket of an S3 service, then puts, gets back, compares and deletes a test object.",
		Options: func() Options {
			return &S3{Prefix: ".paramedic/", Region: "us-east-1", PathStyle: true, TLS: true}
		},
	}
}

// Validate implements Options.
func (o *S3) Validate() option.Problems {
	var problems option.Problems
	if o.Endpoint != "" {
		if _, _, err := o.host(); err != nil {
			problems.Add("endpoint", "%v", err)
		}
	}
	if strings.Contains(o.Bucket, "/") {
		problems.Add("bucket", "%q is not the name of a bucket; what follows the slash belongs to prefix", o.Bucket)
	}
	if strings.HasPrefix(o.Prefix, "/") {
		problems.Add("prefix", "begins with a slash, which names of objects do not")
	}
	return problems
}

// host splits the endpoint into the host and whether to use TLS.
func (o *S3) host() (host string, secure bool, err error) {
	if !strings.Contains(o.Endpoint, "://") {
		host, secure = o.Endpoint, o.TLS
	} else {
		parsed, err := url.Parse(o.Endpoint)
		if err != nil || parsed.User != nil || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" {
			return "", false, fmt.Errorf("is not the URL of a service alone; the bucket belongs to bucket, keys to access_key and secret_key")
		}
		host, secure = parsed.Host, parsed.Scheme == "https"
		if !secure && parsed.Scheme != "http" {
			return "", false, fmt.Errorf("begins with %s://; write https:// or http://", parsed.Scheme)
		}
	}
	if _, err := minio.New(host, &minio.Options{Secure: secure}); err != nil {
		return "", false, fmt.Errorf("%q is not a host or a URL", o.Endpoint)
	}
	return host, secure, nil
}

// Open implements Options.
func (o *S3) Open() (Prober, error) {
	host, secure, err := o.host()
	if err != nil {
		return nil, fmt.Errorf("endpoint %w", err)
	}
	lookup := minio.BucketLookupDNS
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	transport := &http.Transport{
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: webIdle,
		// Bodies are compared as they were stored.
		DisableCompression: true,
	}
	client, err := minio.New(host, &minio.Options{
		Creds:  credentials.NewStaticV4(o.AccessKey.Reveal(), o.SecretKey.Reveal(), ""),
		Secure: secure, Region: o.Region, BucketLookup: lookup, Transport: transport,
		MaxRetries: 1, // the probe itself is the retry
	})
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", host, err)
	}
	return &s3Prober{options: *o, core: minio.Core{Client: client}, transport: transport}, nil
}

// s3Prober keeps one client, and with it its connection, between probes.
type s3Prober struct {
	options   S3
	core      minio.Core
	transport *http.Transport
}

// Probe implements Prober.
func (p *s3Prober) Probe(ctx context.Context) (result health.Result) {
	a := begin(ctx, p.options.AccessKey, p.options.SecretKey)
	work, tidy, done := reserve(ctx)
	defer done()
	a.doing("listing bucket %s", p.options.Bucket)
	abandoned, err := p.list(work)
	if err != nil {
		return p.failed(a, err)
	}
	name := p.options.Prefix + s3ObjectName + strings.ToLower(rand.Text())
	version := ""
	defer func() {
		if err := p.remove(tidy, name, version); err != nil {
			result = p.leftBehind(a, result, name, err)
		}
	}()
	content := []byte("paramedic " + rand.Text())
	a.doing("putting the test object")
	version, err = p.put(work, name, content)
	if err != nil {
		return p.failed(a, err)
	}
	a.doing("getting the test object")
	got, err := p.get(work, name, int64(len(content)))
	if err != nil {
		return p.failed(a, err)
	}
	if !bytes.Equal(got, content) {
		return a.unhealthy("the test object reads %s, not %s as put", show(string(got)), show(string(content)))
	}
	a.doing("deleting abandoned test objects")
	for _, object := range abandoned {
		if err := p.remove(work, object, ""); err != nil {
			return p.failed(a, err)
		}
	}
	return health.Result{Status: health.Healthy, Message: "list, put, get and delete passed"}
}

// list lists the test objects and returns the abandoned ones.
func (p *s3Prober) list(ctx context.Context) ([]string, error) {
	// Leaving the loop early must also end the request for the next page.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var abandoned []string
	const page = 100
	for object := range p.core.ListObjectsIter(ctx, p.options.Bucket, minio.ListObjectsOptions{
		Prefix: p.options.Prefix + s3ObjectName, MaxKeys: page,
	}) {
		if object.Err != nil {
			return nil, object.Err
		}
		if time.Since(object.LastModified) > s3Abandoned {
			abandoned = append(abandoned, object.Key)
		}
		if len(abandoned) == page {
			break
		}
	}
	return abandoned, ctx.Err()
}

// put stores content and returns the object's version, if the bucket keeps any.
func (p *s3Prober) put(ctx context.Context, name string, content []byte) (string, error) {
	stored, err := p.core.Client.PutObject(ctx, p.options.Bucket, name, bytes.NewReader(content),
		int64(len(content)), minio.PutObjectOptions{ContentType: "text/plain", DisableMultipart: true})
	return stored.VersionID, err
}

// get reads at most one byte more than size.
func (p *s3Prober) get(ctx context.Context, name string, size int64) ([]byte, error) {
	object, _, _, err := p.core.GetObject(ctx, p.options.Bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = object.Close() }()
	return io.ReadAll(io.LimitReader(object, size+1))
}

// remove deletes an object; with its version, so that a bucket which keeps
// versions keeps none of it. One that is not there is no error to S3.
func (p *s3Prober) remove(ctx context.Context, name, version string) error {
	return p.core.RemoveObject(ctx, p.options.Bucket, name, minio.RemoveObjectOptions{VersionID: version})
}

// failed also drops the connection: HTTP/2 would go on using one whose other
// end is gone.
func (p *s3Prober) failed(a *attempt, err error) health.Result {
	p.transport.CloseIdleConnections()
	return a.failed(s3Cause(err))
}

// s3Cause gives back the cause that minio-go replaces by a text of its own.
func s3Cause(err error) error {
	if strings.Contains(err.Error(), "Connection closed by foreign host") {
		return io.EOF
	}
	return err
}

// leftBehind adds to a result that the test object could not be deleted.
func (p *s3Prober) leftBehind(a *attempt, result health.Result, name string, err error) health.Result {
	a.doing("deleting the test object %s", name)
	message := a.explain(s3Cause(err))
	if !result.Status.Up() {
		message = result.Message + "; " + message
	}
	p.transport.CloseIdleConnections()
	return a.unhealthy("%s", message)
}

// Close implements Prober.
func (p *s3Prober) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}
