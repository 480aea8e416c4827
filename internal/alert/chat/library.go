package chat

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// services returns the names of all services that leave their requests to a
// client of ours, in order.
func services() []string {
	var library router.ServiceRouter
	names := library.ListServices()
	names = slices.DeleteFunc(names, func(name string) bool {
		service, err := library.NewService(name)
		_, bounded := service.(types.HTTPClientSetter)
		return err != nil || !bounded
	})
	slices.Sort(names)
	return names
}

// deliver tells the service at address one message through client, and returns
// when all of it is over. The service is made anew each time: some change with
// what they send, and all belong to their client.
func deliver(address string, client Client, m Message) (err error) {
	// Addresses are read by the code of many authors; what it makes of an odd
	// one must not end the process.
	defer func() {
		if problem := recover(); problem != nil {
			err = errors.New("the service's code has failed")
		}
	}()
	service, err := open(address, client)
	if err != nil {
		return err
	}
	params := types.Params{}
	for name, value := range m.params {
		params[name] = value
	}
	if m.Subject != "" {
		params.SetTitle(m.Subject)
	}
	return service.Send(m.Text, &params)
}

// open makes the service. The library's own way gives it the client only once
// it is made, which is too late for those that sign in first, and repeats the
// whole address in errors.
func open(address string, client Client) (types.Service, error) {
	var library router.ServiceRouter
	name, target, err := library.ExtractServiceName(address)
	if err != nil {
		return nil, errors.New("not an address")
	}
	service, err := library.NewService(name)
	if err != nil {
		return nil, err
	}
	setter, bounded := service.(types.HTTPClientSetter)
	if !bounded {
		return nil, fmt.Errorf("%s takes no client", name)
	}
	if target, err = translate(name, service, target); err != nil {
		return nil, err
	}
	complete(name, target)
	setter.SetHTTPClient(client)
	if err := service.Initialize(target, nil); err != nil {
		return nil, err
	}
	// Again: some have meanwhile made one of their own.
	setter.SetHTTPClient(client)
	return service, nil
}

// translate turns name+https://, the address as a browser has it, into the
// form that the service reads.
func translate(name string, service types.Service, target *url.URL) (*url.URL, error) {
	if target.Scheme == name {
		return target, nil
	}
	translator, found := service.(types.CustomURLService)
	if scheme := strings.TrimPrefix(target.Scheme, name+"+"); !found || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("write %s:// for %s+…://", name, name)
	}
	return translator.GetServiceURLFromCustom(target)
}

// complete gives PagerDuty the host and port that an address may leave out: the
// library documents them, and calls port 0.
func complete(name string, target *url.URL) {
	if name != "pagerduty" || target.Port() != "" {
		return
	}
	if target.Host == "" {
		target.Host = "events.pagerduty.com"
	}
	target.Host += ":443"
}
