module coso/proto/tools/openapiv3-merge

go 1.26.0

tool github.com/grpc-ecosystem/grpc-gateway/v2/openapiv3-merge

require github.com/grpc-ecosystem/grpc-gateway/v2 v2.32.0 // indirect
