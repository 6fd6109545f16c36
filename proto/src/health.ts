// The health service of gRPC, apart from the rest: a client that asks for one status needs none of it.
export { HealthCheckResponse_ServingStatus, HealthService } from "./gen/grpc/health/v1/health.ts";
