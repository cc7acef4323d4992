package nats

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"coso/gateway/identity"
	"coso/services/platform/feed"
	"coso/services/platform/mtls"
	"coso/services/platform/replica"
	"coso/services/platform/streamlog"
)

// Node is one nats-server.
type Node struct {
	// Name is its name among those of a cluster, At its machine there; both empty for one that stands alone.
	Name, At string
	// Listen is the address on which it listens.
	Listen string
	// Files are those of its certificate.
	Files mtls.Files
}

// Ports on which nats-servers answer clients and each other.
const (
	clientPort = 4222
	routePort  = 6222
)

// Configuration is the configuration of a nats-server for services that are processes of their own, with the files of its
// certificate; cluster are the machines of all that make one cluster, empty for one that stands alone. Everybody who connects shows
// a certificate of the CA; the URI in it is the user, and the table below is what that user may do:
//
//   - what is announced: publish its own subjects; find, make, delete and read the stream of them (a damaged one is made anew)
//   - what is followed: find the stream of each service that it hears, and read it through consumers of its own
//   - its log, where it runs in replicas: find, make and read the stream, and add to it; nobody may delete it or anything in it
//   - its lease: find and make the bucket, and write in it
//   - answers: subscribe below an inbox of its own; whoever leads its log is told there, too
//   - all servers: ask how they keep what they acknowledge
func Configuration(node Node, cluster ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# nats-server for coso's processes:  nats-server -c nats.conf --store_dir DIR
#
# Made by coso certs. The paths are those of the machine on which it was made: change them where the files lie elsewhere.
# After a change of files here: nats-server --signal reload (it also takes SIGHUP). Connections that stand go on.
host: %q
port: %d

jetstream {
  # What is acknowledged is on the disk. Without this a power cut may take the end of a stream: one of events is then filled anew
  # from the journals, and a log takes nothing from replicas that see it.
  sync_interval: always
}

# TLS 1.3 alone. Whoever connects shows a certificate of the CA, and the URI in it is the user.
tls {
%s  verify_and_map: true
  min_version: "1.3"
  timeout: 5
}
`, node.Listen, clientPort, pems(node.Files))
	if len(cluster) > 0 {
		fmt.Fprintf(&b, `
server_name: %q

# The servers of the cluster, each of which keeps a copy of every log. They prove to each other that they are of this CA.
cluster {
  name: coso
  host: %q
  port: %d
  routes: [
`, node.Name, node.Listen, routePort)
		for _, at := range cluster {
			fmt.Fprintf(&b, "    %q\n", "nats://"+net.JoinHostPort(at, strconv.Itoa(routePort)))
		}
		fmt.Fprintf(&b, "  ]\n  tls {\n%s    verify: true\n    timeout: 5\n  }\n}\n", indented(pems(node.Files)))
	}
	writeAccounts(&b)
	return b.String()
}

// writeAccounts writes who may do what.
func writeAccounts(b *strings.Builder) {
	b.WriteString(`
# A service announces on its own subjects, keeps the stream of them, and reads the streams of the services that it follows.
accounts {
  COSO {
    jetstream: enabled
    imports: [ { service: { account: SYS, subject: "` + streamlog.AskServers + `" } } ]
    users: [
`)
	for _, name := range mtls.Names() {
		if name == mtls.NATS { // this server
			continue
		}
		fmt.Fprintf(b, "      {\n        user: %q\n        permissions: {\n          publish: [\n", mtls.URI(name))
		for _, subject := range mayPublish(name) {
			fmt.Fprintf(b, "            %q\n", subject)
		}
		b.WriteString("          ]\n          subscribe: [\n")
		for _, subject := range mayHear(name) {
			fmt.Fprintf(b, "            %q\n", subject)
		}
		b.WriteString("          ]\n        }\n      }\n")
	}
	b.WriteString(`    ]
  }
  SYS {
    exports: [ { service: "` + streamlog.AskServers + `", response_type: stream } ]
  }
}
system_account: SYS
`)
}

// pems name the files of a certificate.
func pems(files mtls.Files) string {
	return fmt.Sprintf("  cert_file: %q\n  key_file: %q\n  ca_file: %q\n", files.Cert, files.Key, files.CA)
}

func indented(lines string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n  ") + "\n"
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
	if process != mtls.Gateway {
		subjects = append(subjects, ofReplicas(service)...)
	}
	for _, source := range mtls.Hears(process) {
		followed := feed.StreamName(source)
		subjects = append(subjects,
			"$JS.API.STREAM.INFO."+followed, "$JS.API.CONSUMER.CREATE."+followed+".>", "$JS.API.CONSUMER.MSG.NEXT."+followed+".>")
	}
	return subjects
}

// mayHear are the subjects to which a process may listen: the answers that it gets, and who leads its log.
func mayHear(process string) []string {
	subjects := []string{Inbox(process) + ".>"}
	if process != mtls.Gateway {
		subjects = append(subjects, "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."+streamlog.StreamName(process))
	}
	return subjects
}

// ofReplicas are the subjects of a service's log and lease.
func ofReplicas(service string) []string {
	log, bucket := streamlog.StreamName(service), replica.LeaseBucket(service)
	return []string{
		streamlog.AskServers, "$JS.API.INFO",
		streamlog.Subject(service), "$JS.API.STREAM.INFO." + log, "$JS.API.STREAM.CREATE." + log, "$JS.API.STREAM.MSG.GET." + log,
		"$JS.API.CONSUMER.CREATE." + log + ".>", "$JS.API.CONSUMER.MSG.NEXT." + log + ".>", "$JS.API.CONSUMER.DELETE." + log + ".>",
		"$KV." + bucket + ".>", "$JS.API.STREAM.INFO.KV_" + bucket, "$JS.API.STREAM.CREATE.KV_" + bucket, "$JS.API.DIRECT.GET.KV_" + bucket + ".>",
	}
}
