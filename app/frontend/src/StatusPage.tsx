import { useStatus, type Service } from "./useStatus";

function summarize(services: Service[]): string {
  const troubled = services.filter((service) => service.state === "trouble");
  if (troubled.length === 0) return "Everything works";
  return `Trouble with ${troubled.map((service) => service.name).join(" and ")}`;
}

/** Shows how each service of the stack is, asked every few seconds. */
export function StatusPage() {
  const services = useStatus();
  return (
    <section aria-labelledby="heading" aria-busy={services === null}>
      <div className="row">
        <h1 id="heading">Status</h1>
        {services && (
          <p
            className="live"
            data-state={services.every(({ state }) => state === "ok") ? "live" : "lost"}
          >
            <span role="status">{summarize(services)}</span>
          </p>
        )}
      </div>
      <ul className="services">
        {services?.map((service) => (
          <li key={service.name} className="card" data-state={service.state}>
            <h2>{service.name}</h2>
            <p className="what">{service.what}</p>
            <p className="state">{service.problem || "ok"}</p>
            <dl>
              {service.release && (
                <div>
                  <dt>Release</dt>
                  <dd>
                    <code>{service.release}</code>
                  </dd>
                </div>
              )}
              <div>
                <dt>Latency</dt>
                <dd>
                  {service.milliseconds === null ? "–" : `${service.milliseconds.toFixed(1)} ms`}
                </dd>
              </div>
            </dl>
          </li>
        ))}
      </ul>
    </section>
  );
}
