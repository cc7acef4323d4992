module coso/gateway

go 1.26.0

require (
	coso/proto v0.0.0
	coso/services v0.0.0
)

require (
	github.com/fullstorydev/grpchan v1.1.2 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.32.0 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	github.com/swaggest/swgui v1.8.5 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b // indirect
	google.golang.org/grpc v1.85.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace coso/proto => ../proto

replace coso/services => ../services
