"""Template matching in tomograms: from a map to oriented candidates.

The modules in the order in which a search runs through them. `match_tomogram` leads through the
first four stages, `candidates` through the last::

    what is given      template, scaled, imaging, settings, search (what all engines are given)
    weights            wedge, weighting, whitening, strips (of one defocus)
    prepare            prepare, gold, regions
    plan               engine, cost, forecast
    search, exact      exact over tiles, tile_scores, local_deviation, tile_results
    search, bank       search_bank over bank, component_maps, correlation, patches, cone_rows,
                       best_maps
    background         noise_template, random_poses
    one template       one_template: plan, search, background, pool, refinement
    refine             seeds, refine over pose_refiner, pose_ascent, turned_scores, turned_spread;
                       hands
    what is kept       pool, search_facts
    choose             candidates, candidate_settings, rejection, tophat; cut_off over statistics,
                       score_model, groups; verdict, roc, plots
"""
