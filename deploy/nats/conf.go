package nats

import (
	"fmt"
	"strings"

	"coso/gateway/identity"
	"coso/services/platform/feed"
	"coso/services/platform/mtls"
)

// Configuration is the configuration of a nats-server for services that are processes of their own, at host, with the files
// of its certificate. Everybody who connects shows a certificate of the CA; the URI in it is the user, and the table below
// is what that user may do:
//
//   - what is announced: publish its own subjects; find, make, delete and read the stream of them (a damaged one is made anew)
//   - what is followed: find the stream of each service that it hears, and read it through consumers of its own
//   - answers: subscribe below an inbox of its own
func Configuration(host string, files mtls.Files) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# nats-server for coso's processes:  nats-server -c nats.conf --store_dir DIR
#
# Made by coso certs. The paths are those of the machine on which it was made: change them where the files lie elsewhere.
# After a change of files here: nats-server --signal reload (it also takes SIGHUP). Connections that stand go on.
host: %q
port: 4222

jetstream {
  # What is acknowledged is on the disk. Without this a power cut may take the end of a stream, which is then filled anew
  # from the journals.
  sync_interval: always
}

# TLS 1.3 alone. Whoever connects shows a certificate of the CA, and the URI in it is the user.
tls {
  cert_file: %q
  key_file: %q
  ca_file: %q
  verify_and_map: true
  min_version: "1.3"
  timeout: 5
}

# A service announces on its own subjects, keeps the stream of them, and reads the streams of the services that it follows.
authorization {
  users: [
`, host, files.Cert, files.Key, files.CA)
	for _, name := range mtls.Names() {
		if name == mtls.NATS { // this server
			continue
		}
		fmt.Fprintf(&b, "    {\n      user: %q\n      permissions: {\n        publish: [\n", mtls.URI(name))
		for _, subject := range mayPublish(name) {
			fmt.Fprintf(&b, "          %q\n", subject)
		}
		fmt.Fprintf(&b, "        ]\n        subscribe: [%q]\n      }\n    }\n", Inbox(name)+".>")
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

// Inbox begins the subjects on which a service gets answers.
func Inbox(service string) string { return "_INBOX." + service }

// mayPublish are the subjects to which a process may send: events, and questions to JetStream. The gateway's service is that of the
// accounts.
func mayPublish(process string) []string {
	service := process
	if process == mtls.Gateway {
		service = identity.Name
	}
	own := feed.StreamName(service)
	subjects := []string{
		"coso." + service + ".>",
		"$JS.API.STREAM.INFO." + own, "$JS.API.STREAM.CREATE." + own, "$JS.API.STREAM.DELETE." + own, "$JS.API.STREAM.MSG.GET." + own,
	}
	for _, source := range mtls.Hears(process) {
		followed := feed.StreamName(source)
		subjects = append(subjects,
			"$JS.API.STREAM.INFO."+followed, "$JS.API.CONSUMER.CREATE."+followed+".>", "$JS.API.CONSUMER.MSG.NEXT."+followed+".>")
	}
	return subjects
}
